import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { reauthenticate } from '../sessions/reauthenticate.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { checkPendingSeed, nothingSetUp, type CheckDeps } from './enrolment/check-pending-seed.js'
import { enablePendingSeed, insertRecoveryCodes } from './enrolment/queries.js'
import { amrOf } from './presented-code.js'
import { lockOwner } from './queries.js'
import { newRecoveryCodes } from './recovery-code.js'

type EnableDeps = CheckDeps & Pick<Deps, 'config' | 'revocations'>

export interface TotpEnrolment {
  userId: string
  /** The session that asks, and stays. */
  sessionId: string
  code: string
  origin: RequestOrigin
}

/**
 * Puts the seed that was set up in force once a code of it is right, makes new recovery codes, and ends the user's other sessions:
 * whoever has one of them did not need the factor. The session that asks has given it.
 * @throws AppError mfa_code_invalid, one_time_token_invalid (nothing is set up), rate_limited, session_revoked.
 */
export async function enableTotp(deps: EnableDeps, enrolment: TotpEnrolment): Promise<string[]> {
  const { userId, sessionId, origin } = enrolment
  // Whoever guesses here has a session, and not the seed that its owner is just setting up.
  const counted = `setup ${userId}`
  const seed = await checkPendingSeed(deps, { ...enrolment, counted })

  const { codes, hashes } = newRecoveryCodes()
  const ended = await deps.sql.begin(async (sql) => {
    await lockOwner(sql, userId)
    if (!(await enablePendingSeed(sql, { userId, sessionId, ...seed, origin }))) throw nothingSetUp()
    await insertRecoveryCodes(sql, { userId, hashes })
    const given = { sessionId, passwordHash: null, amr: [...amrOf.totp], method: 'totp', origin }
    if ((await reauthenticate(sql, deps, given)) === null) throw new AppError('session_revoked')
    return revokeSessions(sql, { userId, exceptSessionId: sessionId, reason: 'mfa_changed', origin })
  })
  await deps.revocations.revoke(ended)
  await deps.limits.clear('mfaChallenge', counted)
  return codes
}
