import { AppError } from '@latchkey/contracts/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { reauthenticate } from '../sessions/reauthenticate.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { enablePendingSeed, findPendingSeed, insertRecoveryCodes } from './enrolment/queries.js'
import { amrOf } from './presented-code.js'
import { lockOwner } from './queries.js'
import { newRecoveryCodes } from './recovery-code.js'
import { findStep } from './totp.js'
import { openSeed } from './totp-seed.js'

type EnableDeps = Pick<Deps, 'config' | 'events' | 'keyring' | 'limits' | 'revocations' | 'sql'>

export interface Enrolment {
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
export async function enableTotp(deps: EnableDeps, enrolment: Enrolment): Promise<string[]> {
  const { userId, sessionId, code, origin } = enrolment
  // Whoever guesses here has a session, and not the seed that its owner is just setting up.
  const counted = `setup ${userId}`
  await deps.limits.consume('mfaChallenge', counted, origin)
  const pendingSeed = await findPendingSeed(deps.sql, userId)
  if (pendingSeed === null) throw nothingSetUp()
  const seed = openSeed(deps.keyring, userId, pendingSeed)
  const step = findStep(seed, code, { nowMs: Date.now(), lastUsedStep: 0 })
  if (step === null) {
    const data = { reason: 'wrong_code', method: 'totp', during: 'mfa_setup' }
    await deps.events.report(newSecurityEvent('mfa.failed', { ...origin, userId, sessionId, data }))
    throw new AppError('mfa_code_invalid')
  }

  const { codes, hashes } = newRecoveryCodes()
  const ended = await deps.sql.begin(async (sql) => {
    await lockOwner(sql, userId)
    if (!(await enablePendingSeed(sql, { userId, sessionId, pendingSeed, step, origin })))
      throw nothingSetUp()
    await insertRecoveryCodes(sql, { userId, hashes })
    const given = { sessionId, passwordHash: null, amr: [...amrOf.totp], method: 'totp', origin }
    if ((await reauthenticate(sql, deps, given)) === null) throw new AppError('session_revoked')
    return revokeSessions(sql, { userId, exceptSessionId: sessionId, reason: 'mfa_changed', origin })
  })
  await deps.revocations.revoke(ended)
  await deps.limits.clear('mfaChallenge', counted)
  return codes
}

const nothingSetUp = (): AppError =>
  new AppError(
    'one_time_token_invalid',
    'Nothing is set up, or it took too long: begin with POST /2fa/setup.',
  )
