import type { Sql } from '@latchkey/platform/database/client'

/** First half of the advisory lock keys of maintenance tasks ("LKMT"), so that no other use of such locks meets them. */
const lockSpace = 0x4c4b4d54

/**
 * Takes the lock of a task until the end of the transaction; false when another transaction has it.
 * The transaction is idle while the task runs. At READ COMMITTED and without a write it holds back no vacuum.
 */
export async function tryLockTask(tx: Sql, name: string): Promise<boolean> {
  const [row] = await tx<{ isLocked: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${lockSpace}, hashtext(${name})) AS is_locked,
      set_config('idle_in_transaction_session_timeout', '0', true)`
  return row?.isLocked ?? false
}
