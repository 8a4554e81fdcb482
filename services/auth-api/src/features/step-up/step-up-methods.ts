import type { Sql } from '@latchkey/platform/database/client'
import { findStepUpFactors } from './queries.js'

/** What would satisfy a route that needs fresh authentication, of what the user has, and the level that it gives a session. */
export interface StepUpOptions {
  readonly methods: readonly string[]
  readonly aal: 1 | 2
}

/**
 * The strongest of a user's factors: where there is a second one, a password alone is not enough. A passkey is, also where the password alone
 * would sign in: whoever has stolen that must not take the owner's other factors away.
 */
export async function findStepUpOptions({ sql }: { sql: Sql }, userId: string): Promise<StepUpOptions> {
  const factors = await findStepUpFactors(sql, userId)
  if (factors === null) return { methods: [], aal: 1 }
  const { hasIdentities, hasPasskeys, hasPassword, hasRecoveryCodes, hasTotp } = factors
  const methods = [...(hasTotp ? ['totp'] : []), ...(hasPasskeys ? ['passkey'] : [])]
  if (methods.length > 0)
    return { methods: hasRecoveryCodes ? [...methods, 'recovery_code'] : methods, aal: 2 }
  return { methods: [...(hasPassword ? ['password'] : []), ...(hasIdentities ? ['oauth'] : [])], aal: 1 }
}
