import { AppError } from '@latchkey/contracts/errors'
import type { ChallengeBody } from '@latchkey/contracts/http/bodies'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import type { GuessDeps } from '../guessing/guess.js'
import { rememberDevice } from '../remembered-devices/remember-device.js'
import { presentPasskey } from '../passkeys/present-passkey.js'
import { openSession, type OpenedSession } from '../sessions/open-session.js'
import type { SignIn } from './finish-first-factor.js'
import { presentCode } from './present-code.js'
import { amrOf, readPresentedFactor, type PresentedFactor } from './presented-code.js'
import { consumeChallenge } from './queries.js'
import { getUnfinishedSignIn, type UnfinishedSignIn } from './unfinished-sign-in.js'

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
  const presented = readPresentedFactor(body)
  const isRemembered = body.rememberDevice === true
  if (isRemembered) assertMayRemember(deps, presented)
  const signIn = await getUnfinishedSignIn(deps.sql, body.mfaToken)
  const { tokenHash, userId } = signIn
  // Only now: a token that is none would be one more key in Redis each time.
  await deps.limits.consume('mfaChallenge', tokenHash.toString('base64url'), origin)

  const attempt = { sessionId: null, origin } as const
  const complete = (sql: Sql, amr: readonly string[]) =>
    completeSignIn(sql, deps, { ...signIn, amr, isRemembered, origin })
  const { session, rememberToken } =
    presented.method === 'passkey'
      ? await presentPasskey(
          deps,
          { ...attempt, ...presented, scope: { purpose: 'second_factor', userId, boundTo: tokenHash } },
          (sql, { amr }) => complete(sql, amr),
        )
      : await presentCode(
          deps,
          { ...attempt, userId, presented, during: 'sign_in', pass },
          async (sql, use) => {
            await use()
            return complete(sql, amrOf[presented.method])
          },
        )
  await deps.revocations.revoke(session.endedSessionIds)
  return { signIn: { kind: 'session', session }, rememberToken }
}

interface SecondFactorGiven extends UnfinishedSignIn {
  /** What it adds to the first. */
  amr: readonly string[]
  isRemembered: boolean
  origin: RequestOrigin
}

/** In the transaction that uses the second factor up. */
async function completeSignIn(
  sql: Sql,
  deps: ChallengeDeps,
  { tokenHash, userId, amr, isRemembered, origin }: SecondFactorGiven,
): Promise<{ session: OpenedSession; rememberToken: string | null }> {
  const first = await consumeChallenge(sql, { tokenHash, userId })
  if (first === null) throw new AppError('one_time_token_invalid')
  const { deviceName } = first
  // Before there is a session: whatever forgets devices locks them first.
  const rememberToken = isRemembered ? await rememberDevice(sql, deps, { userId, deviceName, origin }) : null
  const session = await openSession(sql, deps, {
    userId,
    passwordHash: null,
    amr: [...new Set([...first.amr, ...amr])],
    deviceName,
    origin,
  })
  // Disabled or deleted meanwhile: what was begun is over, as after a change of the password.
  if (session === null) throw new AppError('one_time_token_invalid')
  return { session, rememberToken }
}

/**
 * A recovery code is for somebody who has lost the phone, or for whoever has found the codes: neither is to be spared the factor for a
 * month by the use of one.
 */
function assertMayRemember({ config }: Pick<Deps, 'config'>, { method }: PresentedFactor): void {
  const message =
    config.mfaRememberTtlSeconds === 0
      ? 'is switched off'
      : method === 'recovery_code'
        ? 'cannot be given together with recoveryCode'
        : null
  if (message !== null)
    throw new AppError('validation_failed', undefined, { errors: [{ path: '/rememberDevice', message }] })
}
