import { AppError } from '@latchkey/contracts/errors'
import { toAppError } from '@latchkey/platform/database/errors'
import type { Metrics } from '@latchkey/platform/metrics/metrics'

/** Counts an attempt that succeeds and one that is refused. What fails on our side says nothing of who tried. */
export async function countAttempt<Result>(
  { authAttemptsTotal }: Pick<Metrics, 'authAttemptsTotal'>,
  type: 'login' | 'register' | 'reset' | '2fa' | 'passkey' | 'oauth',
  attempt: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await attempt()
    authAttemptsTotal.inc({ type, status: 'success' })
    return result
  } catch (error) {
    const refusal = error instanceof AppError ? error : toAppError(error)
    if (refusal !== null && refusal.status < 500) authAttemptsTotal.inc({ type, status: 'failure' })
    throw error
  }
}
