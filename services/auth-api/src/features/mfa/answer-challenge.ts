import { AppError } from '@latchkey/contracts/errors'
import type { ChallengeBody } from '@latchkey/contracts/http/bodies'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import type { GuessDeps } from '../guessing/guess.js'
import { rememberDevice } from '../remembered-devices/remember-device.js'
import { openSession } from '../sessions/open-session.js'
import type { SignIn } from './finish-first-factor.js'
import { hashMfaToken } from './mfa-token.js'
import { presentCode } from './present-code.js'
import { amrOf, readPresentedCode, type PresentedCode } from './presented-code.js'
import { consumeChallenge, findChallenge } from './queries.js'

/** What a right second factor comes to. */
export interface CompletedSignIn {
  signIn: SignIn
  /** What the device is to keep; null when it is not remembered. */
  rememberToken: string | null
}

type ChallengeDeps = GuessDeps & Pick<Deps, 'revocations'>

/**
 * Completes a sign-in with the second factor. The token is used up by a session and by nothing else: a wrong code leaves it, for as many
 * tries as LIMIT_MFA_CHALLENGE allows.
 * @throws AppError validation_failed, one_time_token_invalid (sign in anew), mfa_code_invalid, rate_limited, too_many_attempts.
 */
export async function answerChallenge(
  deps: ChallengeDeps,
  body: ChallengeBody,
  { origin, pass }: { origin: RequestOrigin; pass: DevicePass | null },
): Promise<CompletedSignIn> {
  const presented = readPresentedCode(body)
  const isRemembered = body.rememberDevice === true
  if (isRemembered) assertMayRemember(deps, presented)
  const tokenHash = hashMfaToken(body.mfaToken)
  const challenge = tokenHash && (await findChallenge(deps.sql, tokenHash))
  if (tokenHash === null || challenge === null) throw new AppError('one_time_token_invalid')
  // Only now: a token that is none would be one more key in Redis each time.
  await deps.limits.consume('mfaChallenge', tokenHash.toString('base64url'), origin)

  const { userId } = challenge
  const attempt = { userId, sessionId: null, presented, during: 'sign_in', origin, pass } as const
  const { session, rememberToken } = await presentCode(deps, attempt, async (sql, use) => {
    await use()
    const first = await consumeChallenge(sql, { tokenHash, userId })
    if (first === null) throw new AppError('one_time_token_invalid')
    const { deviceName } = first
    // Before there is a session: whatever forgets devices locks them first.
    const remembered = isRemembered ? await rememberDevice(sql, deps, { userId, deviceName, origin }) : null
    const amr = [...new Set([...first.amr, ...amrOf[presented.method]])]
    const opened = await openSession(sql, deps, { userId, passwordHash: null, amr, deviceName, origin })
    // Disabled or deleted meanwhile: what was begun is over, as after a change of the password.
    if (opened === null) throw new AppError('one_time_token_invalid')
    return { session: opened, rememberToken: remembered }
  })
  await deps.revocations.revoke(session.endedSessionIds)
  return { signIn: { kind: 'session', session }, rememberToken }
}

/**
 * A recovery code is for somebody who has lost the phone, or for whoever has found the codes: neither is to be spared the factor for a
 * month by the use of one.
 */
function assertMayRemember({ config }: Pick<Deps, 'config'>, { method }: PresentedCode): void {
  const message =
    config.mfaRememberSeconds === 0
      ? 'is switched off'
      : method === 'recovery_code'
        ? 'cannot be given together with recoveryCode'
        : null
  if (message !== null)
    throw new AppError('validation_failed', undefined, { errors: [{ path: '/rememberDevice', message }] })
}
