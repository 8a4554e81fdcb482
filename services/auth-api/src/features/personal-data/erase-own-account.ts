import { AppError } from '@latchkey/contracts/errors'
import type { DeleteMeBody } from '@latchkey/contracts/http/bodies'
import type { Sql } from '@latchkey/platform/database/client'
import { toAppError } from '@latchkey/platform/database/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { assertNotLastAdmin } from '../admin/last-admin.js'
import { clearLockout } from '../guessing/clear-lockout.js'
import { clearGuesses, type Guess, guessAtUser, type GuessDeps } from '../guessing/guess.js'
import { tryCode } from '../mfa/present-code.js'
import { type PresentedCode, readPresentedCode } from '../mfa/presented-code.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { finishErasure } from './erase-user.js'
import { eraseAccountRows, findErasableAccount, lockPassword, type ErasableAccount } from './queries.js'

type ErasureDeps = GuessDeps & Pick<Deps, 'log' | 'passwords' | 'revocations'>

export interface OwnErasure extends DeleteMeBody {
  userId: string
  sessionId: string
  pass: DevicePass | null
  origin: RequestOrigin
}

/** Why an erasure failed: for the event, never for the answer. */
type Failure = 'no_password' | 'wrong_password' | 'changed_meanwhile'

const during = 'account_deletion'

/**
 * Erases the account of whoever asks, with all that is kept of them but events, and ends their sessions, everywhere, before it returns.
 * Password and second factor are one guess together, and the code is looked at after the password only.
 * @throws AppError validation_failed, overloaded, rate_limited, too_many_attempts, invalid_credentials, mfa_code_invalid,
 * session_revoked, last_admin.
 */
export async function eraseOwnAccount(deps: ErasureDeps, request: OwnErasure): Promise<void> {
  assertPresentable(request.password, '/password')
  readCodeFor(await getAccount(deps, request), request) // one that is missing is no wrong guess
  const ended = await deps.passwords.admit((passwords) =>
    guessAtUser(deps, request, async (guess) => {
      let outcome = await tryErasure(deps, passwords, guess, request)
      // A parallel sign-in renewed the hash, or the password was changed, while ours was computed: what is stored now decides.
      if (outcome === 'changed_meanwhile') outcome = await tryErasure(deps, passwords, guess, request)
      if (typeof outcome !== 'string') return outcome

      const { userId, sessionId, origin } = request
      const data = { reason: outcome, during }
      await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
      throw new AppError('invalid_credentials')
    }),
  )
  await finishErasure(deps, request.userId, ended)
}

async function tryErasure(
  deps: ErasureDeps,
  passwords: AdmittedPasswords,
  guess: Guess,
  request: OwnErasure,
): Promise<string[] | Failure> {
  const account = await getAccount(deps, request)
  const { passwordHash } = account
  if (passwordHash === null) return 'no_password'
  if (!(await passwords.verify(passwordHash, request.password))) return 'wrong_password'
  const presented = readCodeFor(account, request)
  try {
    return await inTransaction(deps, guess, { ...request, presented }, async (sql, useCode) => {
      const { userId } = request
      await assertNotLastAdmin(sql, userId)
      await useCode()
      if (!(await lockPassword(sql, { userId, passwordHash }))) throw new AccountChanged()
      await clearLockout(sql, deps, userId)
      const ended = await eraseAccountRows(sql, { ...request, gaveSecondFactor: presented !== null })
      if (ended === null) throw new AccountChanged()
      return ended
    })
  } catch (error) {
    if (error instanceof AccountChanged) return 'changed_meanwhile'
    if (toAppError(error)?.code === 'last_admin') await guess.handBack() // the password was right
    throw error
  }
}

/** Rolls the transaction back. Nobody outside meets it. */
class AccountChanged extends Error {}

function inTransaction<Result>(
  deps: ErasureDeps,
  guess: Guess,
  { presented, ...request }: OwnErasure & { presented: PresentedCode | null },
  act: (sql: Sql, useCode: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  if (presented !== null) return tryCode(deps, { ...request, presented, during }, guess, act)
  return deps.sql.begin(async (sql) => {
    const result = await act(sql, async () => undefined)
    await clearGuesses(sql, guess)
    return result
  })
}

/** Null for a user who has no second factor. @throws AppError validation_failed for one who gave none. */
const readCodeFor = ({ mfaEnabled }: ErasableAccount, request: OwnErasure): PresentedCode | null =>
  mfaEnabled ? readPresentedCode(request) : null

/** A session that ended since its access token was checked is no session. */
async function getAccount({ sql }: ErasureDeps, caller: OwnErasure): Promise<ErasableAccount> {
  const account = await findErasableAccount(sql, caller)
  if (account === null) throw new AppError('session_revoked')
  return account
}
