import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import { pingDatabase } from './queries.js'
import { withTimeout } from './with-timeout.js'

/** A probe that waits for longer says "down" by itself. */
const databaseTimeoutMs = 1500
/** Probes of several balancers, and of whoever finds the address, share one look. */
const lookLifetimeMs = 500

export interface DatabaseLook {
  readonly isUp: boolean
  readonly latencyMs: number
}

export interface Readiness {
  lookAtDatabase(): Promise<DatabaseLook>
  /** Throws `unavailable` while this process cannot serve. */
  assertReady(): Promise<void>
}

export function createReadiness(
  { sql, signingKeys }: Pick<Deps, 'sql' | 'signingKeys'>,
  isDraining: () => boolean,
): Readiness {
  let look: Promise<DatabaseLook> | null = null
  let lookedAt = -Infinity

  function lookAtDatabase(): Promise<DatabaseLook> {
    if (look === null || performance.now() - lookedAt > lookLifetimeMs) {
      lookedAt = performance.now()
      look = ping(sql)
    }
    return look
  }

  return {
    lookAtDatabase,
    async assertReady() {
      if (isDraining()) throw new AppError('unavailable', 'The process is shutting down.')
      if (!(await lookAtDatabase()).isUp) throw new AppError('unavailable', 'PostgreSQL is away.')
      signingKeys.current()
    },
  }
}

async function ping(sql: Deps['sql']): Promise<DatabaseLook> {
  const startedAt = performance.now()
  const isUp = await withTimeout(pingDatabase(sql), databaseTimeoutMs).then(
    () => true,
    () => false,
  )
  return { isUp, latencyMs: performance.now() - startedAt }
}
