import type { Sql } from '@latchkey/platform/database/client'
import { findStepUpFactors } from './queries.js'

/** What would satisfy a route that needs fresh authentication, of what the user has, and the level that it gives a session. */
export interface StepUpOptions {
  readonly methods: readonly string[]
  readonly aal: 1 | 2
}

/** The strongest of a user's factors: where there is a second one, a password alone is not enough. */
export async function findStepUpOptions({ sql }: { sql: Sql }, userId: string): Promise<StepUpOptions> {
  const factors = await findStepUpFactors(sql, userId)
  if (factors?.hasSecondFactor === true)
    return { methods: factors.hasRecoveryCodes ? ['totp', 'recovery_code'] : ['totp'], aal: 2 }
  return { methods: factors?.hasPassword === true ? ['password'] : [], aal: 1 }
}
