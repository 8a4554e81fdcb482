import type { AlertRule } from '@latchkey/contracts/alerts'
import type { SecurityEventType } from '@latchkey/contracts/events'
import type { Incident } from '../alerts/raise-alert.js'
import type { DetectedEvent } from './detected-event.js'
import { type Asked, type Loaded, type Memory, notLoaded } from './memory.js'
import type { About, Mark, Rule, View } from './rule.js'
import { addEntry, countBefore, type Firing, isEmpty, removeEntries, tallySignIn } from './window.js'

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
  const looker = createLooker(memory, place)
  for (;;) {
    memory.restart()
    const incidents = createIncidents()
    for (const event of events) {
      for (const rule of concerned.get(event.type) ?? []) {
        for (const mark of looker.look(rule, event)) {
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

/** Lets rules look, with one view for all of them: it is of the rule and the event that are looked at. */
function createLooker(memory: Memory, place: View['place']) {
  let current: { rule: Rule; event: DetectedEvent } | null = null
  let hasAsked = false
  // What follows from the event alone is the same when the batch is judged again.
  const settled = new Map<Rule, Map<DetectedEvent, readonly Mark[]>>()

  function now() {
    if (current === null) throw new Error('A rule asked before it looked')
    hasAsked = true
    return current
  }

  function lookAnew(rule: Rule, event: DetectedEvent): readonly Mark[] {
    current = { rule, event }
    try {
      return rule.look(event, view)
    } catch (error) {
      if (error === notLoaded) return []
      throw error
    }
  }

  const view: View = {
    count(watch, key, { members = [], groups = [] } = {}) {
      const { rule, event } = now()
      const held = memory.hold(rule, watch, key)
      if (held === null) throw notLoaded
      const except = { members: members.map(memory.hashMember), groups: groups.map(memory.hashMember) }
      return countBefore(held.window, held.watch, event.at, except)
    },
    signIns() {
      const { userId, at: before } = now().event
      return userId === null ? [] : memory.signIns(userId, before).filter(({ at }) => at < before)
    },
    actHours() {
      const { actorId, at } = now().event
      return actorId === null ? [] : memory.actHours(actorId, at).filter((hour) => hour <= at / 3_600_000)
    },
    place,
  }

  return {
    look(rule: Rule, event: DetectedEvent): readonly Mark[] {
      let known = settled.get(rule)
      if (known === undefined) settled.set(rule, (known = new Map<DetectedEvent, readonly Mark[]>()))
      const before = known.get(event)
      if (before !== undefined) return before
      hasAsked = false
      const marks = lookAnew(rule, event)
      if (!hasAsked) known.set(event, marks)
      return marks
    },
  }
}

function apply(rule: Rule, event: DetectedEvent, mark: Mark, memory: Memory): Firing | null {
  const held = memory.hold(rule, mark.watch, mark.key)
  if (held === null) return null
  const { window, watch } = held
  if (mark.does === 'tallies') {
    if (mark.always !== true && isEmpty(window)) return null
    held.isChanged = true
    tallySignIn(window, watch, event.at)
    return null
  }
  const member = mark.member === undefined ? undefined : memory.hashMember(mark.member)
  const group = mark.group === undefined ? undefined : memory.hashMember(mark.group)
  if (mark.does === 'removes') {
    if (removeEntries(window, event.at, member, group)) held.isChanged = true
    return null
  }
  held.isChanged = true
  return addEntry(window, watch, [event.at, mark.weight ?? 1, event.id, member ?? '', group ?? ''])
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
