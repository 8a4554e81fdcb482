import type { Exceptions, Span, Watch } from './rule.js'

/** What is counted by one key of a watch. */
export interface Window {
  /** In the order of `at`. */
  entries: Entry[]
  /** Sign-ins that went well, by minute. */
  tally: [minute: number, count: number][]
  incident: OpenIncident | null
}

/** A tuple, because thousands of them are read and written a second: when (ms), its weight, the event, who, and of which group. */
export type Entry = [at: number, weight: number, eventId: string, member: string, group: string]

/** What was told and is not over. */
export interface OpenIncident {
  firstAt: number
  lastAt: number
}

/** What an event has brought about. */
export interface Firing {
  readonly isNew: boolean
  readonly firstAt: number
  readonly lastAt: number
  /** Of the events that are new to it. */
  readonly eventIds: readonly string[]
  /** What reached the threshold. */
  readonly counted: number
}

const minuteMs = 60_000
/** Entries of one key, whatever an attacker does; no threshold grows beyond it. */
const maxEntries = 1024

export const emptyWindow = (): Window => ({ entries: [], tally: [], incident: null })

export const isEmpty = ({ entries, tally, incident }: Window): boolean =>
  entries.length === 0 && tally.length === 0 && incident === null

/**
 * Counts an event. What fills a span is told and forgotten: otherwise one mistake hours later would be the next incident. It is the same incident
 * for as long as spans fill again within twice the first one; single events do not keep it open, or an attacker could hide in one that was
 * acknowledged.
 */
export function addEntry(window: Window, watch: Watch, entry: Entry): Firing | null {
  keep(window, watch, entry)
  const [at] = entry
  for (const span of watch.spans) {
    const found = fillsSpan(window, watch, span, at)
    if (found !== null) return fire(window, watch, found)
  }
  return null
}

function fire(window: Window, watch: Watch, found: readonly Entry[]): Firing {
  const times = found.map(([time]) => time)
  const firstAt = Math.min(...times)
  const lastAt = Math.max(...times)
  const { incident } = window
  const goesOn = incident !== null && lastAt - incident.lastAt <= quietMsOf(watch)
  window.incident = goesOn
    ? { firstAt: incident.firstAt, lastAt: Math.max(incident.lastAt, lastAt) }
    : { firstAt, lastAt }
  window.entries = []
  return {
    isNew: !goesOn,
    ...window.incident,
    eventIds: found.map(([, , id]) => id),
    counted: measure(found, watch),
  }
}

/** Of what happened before: a failure that came first through the queue, and happened after the success, stays. */
/** Of those until a moment all, or those of a member or a group; whether there were any. A sign-in that is told late excuses nothing after it. */
export function removeEntries(window: Window, until: number, member?: string, group?: string): boolean {
  const { entries } = window
  const stays = (entry: Entry): boolean =>
    entry[0] > until ||
    (member !== undefined && entry[3] !== member) ||
    (group !== undefined && entry[4] !== group)
  if (entries.every(stays)) return false
  window.entries = entries.filter(stays)
  return true
}

export function tallySignIn(window: Window, watch: Watch, at: number): void {
  const minute = Math.floor(at / minuteMs)
  const counted = window.tally.find(([known]) => known === minute)
  if (counted === undefined) window.tally.push([minute, 1])
  else counted[1] += 1
  const oldest = Math.max(...window.tally.map(([known]) => known)) - longestSpanSeconds(watch) / 60
  window.tally = window.tally.filter(([known]) => known >= oldest)
}

/** What counts in the first span before a moment. */
export function countBefore(
  window: Window,
  watch: Watch,
  at: number,
  { members = [], groups = [] }: Exceptions,
): number {
  const since = at - (watch.spans[0]?.seconds ?? 0) * 1000
  const counted = window.entries.filter(
    ([time, , , member, group]) =>
      time > since && time <= at && !members.includes(member) && !groups.includes(group),
  )
  return measure(counted, watch)
}

/** When nothing of it can matter any more, in steps of ten minutes: the time is indexed, and rows are to be updated in place. */
export function expiryOf({ entries, tally, incident }: Window, watch: Watch): number {
  const last = Math.max(
    ...entries.slice(-1).map(([at]) => at),
    ...tally.map(([minute]) => minute * minuteMs),
    incident?.lastAt ?? 0,
  )
  const step = 10 * minuteMs
  return Math.ceil((last + Math.max(longestSpanSeconds(watch) * 1000, quietMsOf(watch))) / step) * step
}

const quietMsOf = ({ spans }: Watch): number => 2000 * (spans[0]?.seconds ?? 0)
const longestSpanSeconds = ({ spans }: Watch): number => Math.max(...spans.map(({ seconds }) => seconds))

function keep(window: Window, watch: Watch, entry: Entry): void {
  const [at, , , member, group] = entry
  let { entries } = window
  if (watch.counts !== 'events') {
    const known = entries.findIndex((other) => other[3] === member)
    if (known >= 0) {
      if ((entries[known]?.[0] ?? 0) >= at) return
      entries.splice(known, 1)
    }
  }
  const newest = entries.at(-1)?.[0] ?? at
  const oldest = Math.max(newest, at) - longestSpanSeconds(watch) * 1000
  if ((entries[0]?.[0] ?? at) <= oldest) entries = entries.filter(([time]) => time > oldest)
  if (watch.counts === 'spread') makeRoomInGroup(entries, group, watch.perGroup ?? 1)
  if (entries.length >= (watch.keeps ?? maxEntries)) entries.shift()
  let place = entries.length
  while (place > 0 && (entries[place - 1]?.[0] ?? 0) > at) place -= 1
  entries.splice(place, 0, entry)
  window.entries = entries
}

/** One network with thousands of accounts must not push the others out. */
function makeRoomInGroup(entries: Entry[], group: string, perGroup: number): void {
  let held = 0
  let oldest = -1
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    if (entries[index]?.[4] !== group) continue
    held += 1
    oldest = index
  }
  if (held >= perGroup) entries.splice(oldest, 1)
}

/** The entries of a span around a moment, when they reach its threshold. Events may come late, so it need not end with this one. */
function fillsSpan(window: Window, watch: Watch, span: Span, at: number): Entry[] | null {
  const { entries } = window
  const threshold = thresholdOf(window, watch, span, at)
  if (measure(entries, watch) < threshold) return null
  const spanMs = span.seconds * 1000
  for (let end = entries.length - 1; end >= 0; end -= 1) {
    const endsAt = entries[end]?.[0] ?? 0
    if (endsAt < at) break
    if (endsAt - spanMs >= at) continue
    const inside = entries.filter(([time]) => time > endsAt - spanMs && time <= endsAt)
    if (measure(inside, watch) >= threshold) return inside
  }
  return null
}

function thresholdOf({ tally }: Window, { shareOfSignIns = 0 }: Watch, span: Span, at: number): number {
  if (shareOfSignIns === 0) return span.threshold
  const since = Math.floor((at - span.seconds * 1000) / minuteMs)
  const signIns = tally.reduce((sum, [minute, count]) => (minute >= since ? sum + count : sum), 0)
  return Math.min(maxEntries, Math.max(span.threshold, Math.ceil(signIns * shareOfSignIns)))
}

/** Members are there once each, and groups are no larger than they count. */
function measure(entries: readonly Entry[], { counts }: Watch): number {
  return counts === 'events' ? entries.reduce((sum, [, weight]) => sum + weight, 0) : entries.length
}
