import { createBatcher } from '@latchkey/platform/batching/batcher'
import type { Sql } from '@latchkey/platform/database/client'
import type { Logger } from '@latchkey/platform/logging/logger'
import { LruMap } from 'toad-cache'
import { findServiceClients, updateClientLastUsed, type ServiceClientRow } from './queries.js'

/**
 * How long a client is believed unread: one that is disabled, or whose secret was changed, is known everywhere within 5 s, the
 * time of the read included.
 */
const freshMs = 4000
const maxClients = 1000
const noteEveryMs = 60_000

export interface ServiceClients {
  /** As it was read at most 5 s ago; null for an id that nobody has. Rejects when PostgreSQL is away: unknown is not invalid. */
  find(id: string): Promise<ServiceClientRow | null>
  /** What was read last, however long ago; never a reason to let anybody in. */
  findRemembered(id: string): ServiceClientRow | null
  /** Notes a use, at most once a minute. Waits for nothing. */
  noteUse(id: string): void
}

interface Entry {
  readonly client: ServiceClientRow | null
  readonly readAtMs: number
}

/**
 * The clients of this process in memory, so that an introspection costs no SQL. Ids that nobody has are remembered apart from
 * those that somebody has, so that a flood of made-up ones pushes no client out, and all look-ups under way share statements.
 */
export function createServiceClients(
  { sql, log }: { sql: Sql; log: Logger },
  nowMs: () => number = () => performance.now(),
): ServiceClients {
  const known = new LruMap<Entry>(maxClients)
  const unknown = new LruMap<Entry>(maxClients)
  const notedAtMs = new LruMap<number>(maxClients)

  const batcher = createBatcher<string, ServiceClientRow | null>({
    maxItems: 200,
    maxInFlight: 2,
    maxWaiting: 2000,
    async run(ids) {
      const readAtMs = nowMs() // before the statement: what it finds is as old as its snapshot
      const clients = await findServiceClients(sql, [...new Set(ids)])
      return ids.map((id) => {
        const client = clients.get(id) ?? null
        remember(id, { client, readAtMs })
        return client
      })
    },
  })

  function remember(id: string, entry: Entry): void {
    if (entry.client === null) {
      known.delete(id)
      unknown.set(id, entry)
    } else {
      unknown.delete(id)
      known.set(id, entry)
    }
  }

  return {
    async find(id) {
      const entry = known.get(id) ?? unknown.get(id)
      if (entry !== undefined && nowMs() - entry.readAtMs < freshMs) return entry.client
      return batcher.submit(id)
    },
    findRemembered: (id) => known.get(id)?.client ?? null,
    noteUse(id) {
      if (nowMs() - (notedAtMs.get(id) ?? -Infinity) < noteEveryMs) return
      notedAtMs.set(id, nowMs())
      updateClientLastUsed(sql, id).catch((error: unknown) => {
        log.warn({ err: error, clientId: id }, 'the use of a service client could not be noted')
      })
    },
  }
}
