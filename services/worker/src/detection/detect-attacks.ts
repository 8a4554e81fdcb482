import type { SecurityEventType } from '@latchkey/contracts/events'
import { noteRaised } from '../alerts/note-raised.js'
import { raiseAlert, type RaisedAlert } from '../alerts/raise-alert.js'
import type { Deps } from '../deps.js'
import { isOn, judgeEvents } from './judge-events.js'
import { type Asked, createMemory, type Loaded } from './memory.js'
import {
  deleteExpiredWindows,
  deleteSurplusWindows,
  findActHours,
  findSignIns,
  findWindows,
  lockCursor,
  moveCursor,
  readEventsAfter,
  saveWindows,
} from './queries.js'
import type { Rule } from './rule.js'
import { rules } from './rules.js'
import type { Sql } from '@latchkey/platform/database/client'

type DetectionDeps = Pick<Deps, 'config' | 'keyring' | 'log' | 'metrics' | 'places' | 'revocations' | 'sql'>

/** Few enough for a transaction of a quarter of a second. */
const eventsPerBatch = 5000
const expiredPerTurn = 10_000

/**
 * Keys of one watch that are kept. A key costs an attacker a hash of a password at least, so that a botnet that fills this in the time that rules look back
 * has long been told by other rules; what is over first gives way.
 */
const keysPerWatch = 50_000

/**
 * Looks through what is new in the log. Place, counters and alerts change in one transaction, under the lock of the place: a crash at any moment and any
 * number of workers lose no event and count none twice.
 */
export async function detectAttacks(deps: DetectionDeps, signal: AbortSignal): Promise<void> {
  await deps.places.refresh()
  let read = eventsPerBatch
  while (read >= eventsPerBatch && !signal.aborted) read = await detectInBatch(deps)
}

/** Apart from the above, because it looks at all that is kept. */
export async function cleanDetection(
  { sql, log }: Pick<DetectionDeps, 'sql' | 'log'>,
  _signal?: AbortSignal,
  keysKept = keysPerWatch,
): Promise<void> {
  await deleteExpiredWindows(sql, expiredPerTurn)
  for (const surplus of await deleteSurplusWindows(sql, keysKept))
    log.warn(surplus, 'A rule of detection had more to count than it keeps; the oldest was dropped')
}

/** How many events were read; 0 when another worker is at it. */
async function detectInBatch(deps: DetectionDeps): Promise<number> {
  const active = rules.filter(isOn(deps.config.detectionActions))
  const { read, raised } = await deps.sql.begin(async (sql) => {
    const seq = await lockCursor(sql)
    if (seq === null) return { read: 0, raised: [] }
    const next = await readEventsAfter(sql, { seq, limit: eventsPerBatch, types: typesOf(active) })
    if (next.lastSeq === null) return { read: 0, raised: [] }
    const memory = createMemory(deps.keyring.current.detection)
    const incidents = await judgeEvents(next.events, {
      rules: active,
      memory,
      load: (asked) => loadAsked(sql, asked),
      place: deps.places.locate,
    })
    await saveWindows(sql, memory.changed())
    const alerts: RaisedAlert[] = []
    for (const incident of incidents) alerts.push(await raiseAlert(sql, deps, incident))
    await moveCursor(sql, next.lastSeq)
    return { read: next.read, raised: alerts }
  })
  await noteRaised(deps, raised)
  return read
}

async function loadAsked(sql: Sql, { windows, signIns, actHours }: Asked): Promise<Loaded> {
  return {
    windows: await findWindows(sql, windows),
    signIns: await findSignIns(sql, signIns),
    actHours: await findActHours(sql, actHours),
  }
}

const typesOf = (some: readonly Rule[]): SecurityEventType[] => [
  ...new Set(some.flatMap(({ concerns }) => concerns)),
]
