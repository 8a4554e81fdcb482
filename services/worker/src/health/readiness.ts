import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import { pingDatabase } from './queries.js'

/** Shorter than the timeout of common probes, which would otherwise not see what is wrong. */
const databaseTimeoutMs = 1500

/** @throws AppError unavailable when PostgreSQL does not answer, without which nothing here can be done. */
export async function assertDatabaseAnswers(sql: Sql): Promise<void> {
  const cancelled = new AbortController()
  const isUp = await Promise.race([
    pingDatabase(sql).then(
      () => true,
      () => false,
    ),
    sleep(databaseTimeoutMs, false, { signal: cancelled.signal }).catch(() => false),
  ])
  cancelled.abort()
  if (!isUp) throw new AppError('unavailable', 'PostgreSQL is away')
}
