import { createHmac } from 'node:crypto'
import type { Rule, SignIn, Watch } from './rule.js'
import { emptyWindow, expiryOf, isEmpty, type Window } from './window.js'

/** What is to be loaded before a batch of events can be judged: windows by id, and by user what was before a moment (ms). */
export interface Asked {
  readonly windows: readonly string[]
  readonly signIns: ReadonlyMap<string, number>
  readonly actHours: ReadonlyMap<string, number>
}

/** What was found. Windows as JSON, because a batch is judged more than once and each time from the same. */
export interface Loaded {
  readonly windows: ReadonlyMap<string, string>
  readonly signIns: ReadonlyMap<string, readonly SignIn[]>
  readonly actHours: ReadonlyMap<string, readonly number[]>
}

export interface ChangedWindow {
  readonly id: string
  readonly watch: string
  /** Null: nothing is left of it. */
  readonly window: Window | null
  /** Milliseconds. */
  readonly expiresAt: number
}

/** Thrown at a rule that asks for what is not there yet, and caught by whoever called it. One for all: it says nothing but that. */
export const notLoaded = new Error('not loaded')

export type Memory = ReturnType<typeof createMemory>

/**
 * What is known of before, for one batch of events. A batch is judged as if all were there; what was missed is loaded, and it is judged again from the
 * start, until nothing is missed. So rules ask for what they need, when they know that they need it, and no statement is sent for each event.
 */
export function createMemory(hashKey: Buffer) {
  const hashes = new Map<string, string>()
  const windows = new Map<string, string | null>()
  const signIns = new Map<string, History<SignIn>>()
  const actHours = new Map<string, History<number>>()
  // By the watch itself, because every event of a flood comes by here several times.
  const idsOfWatches = new Map<Watch, Map<string, string>>()
  let held = new Map<string, Held>()
  let missed = emptyMissed()

  const digest = (text: string): Buffer => createHmac('sha256', hashKey).update(text).digest()

  /** Of somebody in a window: short, because there are many, and keyed, so that nobody is told by it. */
  function hashMember(text: string): string {
    let hashed = hashes.get(text)
    if (hashed === undefined) hashes.set(text, (hashed = digest(text).toString('base64url', 0, 8)))
    return hashed
  }

  function idOf(rule: Rule, name: string, watch: Watch, key: string): string {
    let ids = idsOfWatches.get(watch)
    if (ids === undefined) idsOfWatches.set(watch, (ids = new Map<string, string>()))
    let id = ids.get(key)
    if (id === undefined) ids.set(key, (id = digest(`${rule.name}/${name} ${key}`).toString('hex', 0, 16)))
    return id
  }

  /** A window to count in; null while it is not loaded. */
  function hold(rule: Rule, name: string, key: string): Held | null {
    const watch = watchOf(rule, name)
    const id = idOf(rule, name, watch, key)
    const known = held.get(id)
    if (known !== undefined) return known
    const stored = windows.get(id)
    if (stored === undefined) {
      missed.windows.add(id)
      return null
    }
    const window = stored === null ? emptyWindow() : readWindow(stored)
    const kept = { id, name: `${rule.name}/${name}`, watch, window, isChanged: false }
    held.set(id, kept)
    return kept
  }

  function recall<Item>(
    known: ReadonlyMap<string, History<Item>>,
    wanted: Map<string, number>,
    userId: string,
    before: number,
  ): readonly Item[] {
    const history = known.get(userId)
    if (history !== undefined && history.before >= before) return history.items
    wanted.set(userId, Math.max(before, wanted.get(userId) ?? 0))
    throw notLoaded
  }

  return {
    hold,
    hashMember,
    signIns: (userId: string, before: number) => recall(signIns, missed.signIns, userId, before),
    actHours: (userId: string, before: number) => recall(actHours, missed.actHours, userId, before),
    /** Forgets what was counted since, and what was missed. */
    restart(): void {
      held = new Map()
      missed = emptyMissed()
    },
    /** What was missed since; null when nothing was. */
    asked(): Asked | null {
      if (missed.windows.size + missed.signIns.size + missed.actHours.size === 0) return null
      return { ...missed, windows: [...missed.windows] }
    },
    learn(asked: Asked, loaded: Loaded): void {
      for (const id of asked.windows) windows.set(id, loaded.windows.get(id) ?? null)
      for (const [userId, before] of asked.signIns)
        signIns.set(userId, { before, items: loaded.signIns.get(userId) ?? [] })
      for (const [userId, before] of asked.actHours)
        actHours.set(userId, { before, items: loaded.actHours.get(userId) ?? [] })
    },
    changed(): ChangedWindow[] {
      return [...held.values()]
        .filter(({ isChanged }) => isChanged)
        .map(({ id, name, watch, window }) => ({
          id,
          watch: name,
          window: isEmpty(window) ? null : window,
          expiresAt: expiryOf(window, watch),
        }))
    },
  }
}

export interface Held {
  readonly id: string
  /** The rule's and the watch's. */
  readonly name: string
  readonly watch: Watch
  readonly window: Window
  isChanged: boolean
}

interface History<Item> {
  readonly before: number
  readonly items: readonly Item[]
}

const emptyMissed = () => ({
  windows: new Set<string>(),
  signIns: new Map<string, number>(),
  actHours: new Map<string, number>(),
})

function watchOf({ name, watches }: Rule, watch: string) {
  const found = watches[watch]
  if (found === undefined) throw new Error(`${name} has no watch ${watch}`)
  return found
}

/** Written by `saveWindows`, of this version or one that is replaced by a migration. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const readWindow = (text: string): Window => JSON.parse(text) as Window
