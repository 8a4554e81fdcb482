import { AppError } from '@latchkey/contracts/errors'
import type { SecondFactorBody } from '@latchkey/contracts/http/bodies'
import type { Sql } from '@latchkey/platform/database/client'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { guessAtUser, type GuessDeps } from '../guessing/guess.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { findPasswordHash } from './enrolment/queries.js'
import { tryCode, type CodeAttempt } from './present-code.js'
import { readPresentedCode } from './presented-code.js'

export type BothFactorsDeps = GuessDeps & Pick<Deps, 'passwords'>

export interface BothFactors extends SecondFactorBody {
  userId: string
  /** The session that asks, and stays. */
  sessionId: string
  pass: DevicePass | null
  origin: RequestOrigin
}

/**
 * Does what a stolen session must not do, in one transaction, once password and second factor are right. They are one guess together, and
 * the code is looked at after the password only: whoever has the session and not the password uses up no code.
 * @throws AppError validation_failed, overloaded, rate_limited, too_many_attempts, invalid_credentials, mfa_code_invalid.
 */
export function withBothFactors<Result>(
  deps: BothFactorsDeps,
  { password, code, recoveryCode, ...request }: BothFactors,
  during: CodeAttempt['during'],
  act: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const presented = readPresentedCode({ code, recoveryCode })
  assertPresentable(password, '/password')
  const { userId } = request
  return deps.passwords.admit((passwords) =>
    guessAtUser(deps, request, async (guess) => {
      const passwordHash = await checkPassword(deps, passwords, password, { ...request, during })
      return tryCode(deps, { ...request, presented, during }, guess, async (sql, use) => {
        await use()
        if ((await findPasswordHash(sql, userId)) !== passwordHash) throw new AppError('invalid_credentials')
        return act(sql)
      })
    }),
  )
}

/** The hash that the password was checked against. */
async function checkPassword(
  deps: BothFactorsDeps,
  passwords: AdmittedPasswords,
  password: string,
  { userId, sessionId, during, origin }: Omit<CodeAttempt, 'presented'>,
): Promise<string> {
  const passwordHash = await findPasswordHash(deps.sql, userId)
  if (passwordHash !== null && (await passwords.verify(passwordHash, password))) return passwordHash
  const data = { reason: passwordHash === null ? 'no_password' : 'wrong_password', during }
  await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
  throw new AppError('invalid_credentials')
}
