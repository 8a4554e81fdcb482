import type { AlertRule } from '@latchkey/contracts/alerts'
import type { SecurityEventType } from '@latchkey/contracts/events'
import type { Incident } from '../alerts/raise-alert.js'
import type { DetectedEvent } from './detected-event.js'
import { type Asked, type Held, type Loaded, type Memory, notLoaded, watchOf } from './memory.js'
import type { About, Mark, Rule, View } from './rule.js'
import { addEntry, countBefore, entryOf, type Firing, isEmpty, removeEntries, tallySignIn } from './window.js'

export interface Judging {
  readonly rules: readonly Rule[]
  readonly memory: Memory
  readonly load: (asked: Asked) => Promise<Loaded>
  readonly place: View['place']
}

/** What the events come to, in the order of the log. What they change is in the memory afterwards. */
export async function judgeEvents(
  events: readonly DetectedEvent[],
  { rules, memory, load, place }: Judging,
): Promise<Incident[]> {
  const concerned = rulesByType(rules)
  for (;;) {
    memory.restart()
    const incidents = createIncidents()
    for (const event of events) {
      for (const rule of concerned.get(event.type) ?? []) {
        for (const mark of marksOf(rule, event, viewOf(rule, event, memory, place))) {
          const firing = apply(rule, event, mark, memory)
          if (firing !== null && mark.does === 'adds') incidents.add(rule, mark.about, firing)
        }
      }
    }
    const asked = memory.asked()
    if (asked === null) return incidents.all()
    memory.learn(asked, await load(asked))
  }
}

function rulesByType(rules: readonly Rule[]): ReadonlyMap<SecurityEventType, Rule[]> {
  const byType = new Map<SecurityEventType, Rule[]>()
  for (const rule of rules)
    for (const type of rule.concerns) byType.set(type, [...(byType.get(type) ?? []), rule])
  return byType
}

function marksOf(rule: Rule, event: DetectedEvent, view: View): readonly Mark[] {
  try {
    return rule.look(event, view)
  } catch (error) {
    if (error === notLoaded) return []
    throw error
  }
}

function viewOf(rule: Rule, event: DetectedEvent, memory: Memory, place: View['place']): View {
  return {
    count(watch, key, { members = [], groups = [] } = {}) {
      const held = memory.hold(rule, watch, key)
      if (held === null) throw notLoaded
      const except = { members: members.map(memory.hashMember), groups: groups.map(memory.hashMember) }
      return countBefore(held.window, watchOf(rule, watch), event.at, except)
    },
    signIns: () =>
      event.userId === null ? [] : memory.signIns(event.userId, event.at).filter(({ at }) => at < event.at),
    actHours: () =>
      event.actorId === null
        ? []
        : memory.actHours(event.actorId, event.at).filter((hour) => hour <= event.at / 3_600_000),
    place,
  }
}

function apply(rule: Rule, event: DetectedEvent, mark: Mark, memory: Memory): Firing | null {
  const held = memory.hold(rule, mark.watch, mark.key)
  if (held === null) return null
  const { window } = held
  const watch = watchOf(rule, mark.watch)
  if (mark.does === 'tallies') {
    if (mark.always !== true && isEmpty(window)) return null
    held.isChanged = true
    tallySignIn(window, watch, event.at)
    return null
  }
  const { member, group } = mark
  const hashed = {
    ...(member !== undefined && { member: memory.hashMember(member) }),
    ...(group !== undefined && { group: memory.hashMember(group) }),
  }
  if (mark.does === 'removes') {
    removeFrom(held, event.at, hashed)
    return null
  }
  held.isChanged = true
  return addEntry(
    window,
    watch,
    entryOf({ ...hashed, ...(mark.weight !== undefined && { weight: mark.weight }) }, event),
  )
}

function removeFrom(held: Held, at: number, hashed: { member?: string; group?: string }): void {
  const before = held.window.entries.length
  removeEntries(held.window, at, hashed)
  if (held.window.entries.length < before) held.isChanged = true
}

/** As many as an alert keeps. */
const maxEventIds = 50

/** One for an incident, however often it fires in a batch. */
function createIncidents() {
  const found = new Map<string, Incident>()
  return {
    add({ name: rule, severity, reason }: Rule, about: About, firing: Firing): void {
      const { subject, userId, ip, data } = about
      const key = `${rule} ${subject} ${firing.firstAt}`
      const before = found.get(key)
      const eventIds = [...new Set([...(before?.eventIds ?? []), ...firing.eventIds])]
      found.set(key, {
        rule,
        subject,
        severity,
        userId,
        ip,
        eventIds: eventIds.slice(0, maxEventIds),
        count: (before?.count ?? 0) + firing.eventIds.length,
        firstAt: iso(firing.firstAt),
        lastAt: iso(firing.lastAt),
        data: { reason, counted: firing.counted, ...data },
      })
    },
    all: () => [...found.values()],
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

export const isOn =
  (actions: Readonly<Record<AlertRule, readonly unknown[] | null>>) =>
  ({ name }: Rule): boolean =>
    actions[name] !== null
