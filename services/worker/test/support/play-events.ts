import type { SecurityEventType } from '@latchkey/contracts/events'
import type { Incident } from '@latchkey/worker/alerts/raise-alert'
import type { DetectedEvent } from '@latchkey/worker/detection/detected-event'
import { judgeEvents } from '@latchkey/worker/detection/judge-events'
import { type Asked, createMemory, type Loaded } from '@latchkey/worker/detection/memory'
import type { Place } from '@latchkey/worker/detection/places'
import { rules } from '@latchkey/worker/detection/rules'
import type { SignIn } from '@latchkey/worker/detection/rule'

export const seconds = 1000
export const minutes = 60 * seconds
export const hours = 60 * minutes
export const days = 24 * hours
/** A Monday. */
export const monday = Date.UTC(2026, 8, 7)

let made = 0

/** An event at a time, with whatever matters of it. */
export function happens(
  at: number,
  type: SecurityEventType,
  fields: Partial<Omit<DetectedEvent, 'id' | 'at' | 'type'>> = {},
): DetectedEvent {
  made += 1
  const id = `00000000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`
  return {
    id,
    at,
    type,
    userId: null,
    actorId: null,
    ip: '203.0.113.7',
    userAgent: 'Firefox',
    data: {},
    ...fields,
  }
}

export const fails = (at: number, userId: string | null, fields: Partial<DetectedEvent> = {}) =>
  happens(at, 'login.failed', {
    userId,
    data: { reason: userId === null ? 'unknown_account' : 'wrong_password' },
    ...fields,
  })

export const signsIn = (at: number, userId: string, fields: Partial<DetectedEvent> = {}) =>
  happens(at, 'login.succeeded', { userId, ...fields })

/** Two countries with a few thousand kilometres between them, by the first number of the address. */
export const twoCountries = (ip: string | null): Place | null => {
  if (ip?.startsWith('203.') === true) return { country: 'DE', position: { latitude: 52.5, longitude: 13.4 } }
  if (ip?.startsWith('198.') === true) return { country: 'US', position: { latitude: 40.7, longitude: -74 } }
  return null
}

export interface Played {
  /** Rule and subject of every incident that is told as a new one, in order. */
  readonly told: string[]
  readonly incidents: Incident[]
  /** Windows that were never given up, by watch. */
  readonly kept: ReadonlyMap<string, number>
}

/** What an installation remembers. */
interface Past {
  readonly windows: Map<string, string>
  readonly watches: Map<string, string>
  readonly signIns: Map<string, SignIn[]>
  readonly acts: Map<string, number[]>
}

const nothing = (): Past => ({ windows: new Map(), watches: new Map(), signIns: new Map(), acts: new Map() })

export interface PlayerOptions {
  readonly place?: (ip: string | null) => Place | null
  /** Of another player, which goes its own way. */
  readonly past?: Past
}

/** An installation without its database: judges events as the worker does, in batches of the log. */
export function createPlayer({ place = () => null, past = nothing() }: PlayerOptions = {}) {
  const windows = new Map(past.windows)
  const watches = new Map(past.watches)
  const signIns = new Map(past.signIns)
  const acts = new Map(past.acts)
  const told: string[] = []
  const incidents: Incident[] = []
  const known = new Map<string, string>()

  async function load({ windows: ids, signIns: users, actHours: actors }: Asked): Promise<Loaded> {
    return {
      windows: new Map(ids.flatMap((id) => (windows.has(id) ? [[id, windows.get(id) ?? ''] as const] : []))),
      signIns: new Map(
        [...users].map(([userId, before]) => [
          userId,
          (signIns.get(userId) ?? []).filter(({ at }) => at < before && at > before - 90 * days).slice(0, 50),
        ]),
      ),
      actHours: new Map(
        [...actors].map(([actorId, before]) => [
          actorId,
          (acts.get(actorId) ?? []).filter((hour) => hour > before / hours - 24 * 28),
        ]),
      ),
    }
  }

  function remember(event: DetectedEvent): void {
    if (event.type === 'login.succeeded' && event.userId !== null)
      signIns.set(event.userId, [event, ...(signIns.get(event.userId) ?? [])].slice(0, 60))
    if (event.type !== 'admin.acted' || event.actorId === null) return
    const hour = Math.floor(event.at / hours)
    const before = acts.get(event.actorId) ?? []
    if (before.at(-1) !== hour) acts.set(event.actorId, [...before, hour])
  }

  async function play(events: readonly DetectedEvent[], batch = 500): Promise<Played> {
    for (let start = 0; start < events.length; start += batch) {
      const some = events.slice(start, start + batch)
      for (const event of some) remember(event)
      const memory = createMemory(Buffer.alloc(32))
      for (const incident of await judgeEvents(some, { rules, memory, load, place })) {
        incidents.push(incident)
        const { rule, subject, firstAt } = incident
        if (known.get(`${rule} ${subject}`) !== firstAt) told.push(`${rule} ${subject}`)
        known.set(`${rule} ${subject}`, firstAt)
      }
      for (const { id, watch, window } of memory.changed()) {
        watches.set(id, watch)
        if (window === null) windows.delete(id)
        else windows.set(id, JSON.stringify(window))
      }
    }
    const kept = new Map<string, number>()
    for (const id of windows.keys()) {
      const watch = watches.get(id) ?? ''
      kept.set(watch, (kept.get(watch) ?? 0) + 1)
    }
    return { told, incidents, kept }
  }

  return { play, past: { windows, watches, signIns, acts } }
}

/** All at once, in a new installation. */
export async function toldOf(
  events: readonly DetectedEvent[],
  place?: (ip: string | null) => Place | null,
): Promise<string[]> {
  const { told } = await createPlayer(place === undefined ? {} : { place }).play(events)
  return told
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
