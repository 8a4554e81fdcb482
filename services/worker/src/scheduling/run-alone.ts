import type { Sql } from '@latchkey/platform/database/client'
import { tryLockTask } from './queries.js'

/**
 * Runs `work` unless it is under way anywhere in the installation; false when it is. The lock belongs to a transaction that
 * does nothing else, so that PostgreSQL gives it back by itself when this process, its host or the connection dies. `work`
 * brings its own statements, on other connections.
 */
export async function runAlone(sessionSql: Sql, name: string, work: () => Promise<void>): Promise<boolean> {
  return sessionSql.begin(async (lockSql) => {
    if (!(await tryLockTask(lockSql, name))) return false
    await work()
    return true
  })
}
