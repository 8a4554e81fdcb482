import type { Sql } from '@latchkey/platform/database/client'

/** First half of the advisory lock keys of maintenance tasks ("LKMT"), so that no other use of such locks meets them. */
const lockSpace = 0x4c4b4d54

/**
 * Takes the lock of a task until the end of the transaction; false when another transaction has it.
 * The transaction is idle while the task runs, without a limit. At READ COMMITTED and without a write it holds back no vacuum.
 * PostgreSQL asks after the other end, so that the lock of a host that died is free a minute later and not after two hours.
 */
export async function tryLockTask(sql: Sql, name: string): Promise<boolean> {
  const [row] = await sql<{ isLocked: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${lockSpace}, hashtext(${name})) AS is_locked,
      set_config('idle_in_transaction_session_timeout', '0', true),
      set_config('tcp_keepalives_idle', '30', true),
      set_config('tcp_keepalives_interval', '10', true),
      set_config('tcp_keepalives_count', '3', true)`
  return row?.isLocked ?? false
}
