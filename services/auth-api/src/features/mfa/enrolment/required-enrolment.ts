import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../../deps.js'
import type { RequestOrigin } from '../../../request-origin.js'
import { openSession, type OpenedSession } from '../../sessions/open-session.js'
import { revokeSessions } from '../../sessions/revoke-sessions.js'
import { hashMfaToken } from '../mfa-token.js'
import { lockOwner } from '../queries.js'
import { newRecoveryCodes } from '../recovery-code.js'
import { consumeEnrolment, findEnrolment, forgetUnusedRecoveryCodes, insertRecoveryCodes } from './queries.js'

/** A sign-in that waits for a second factor to be set up. */
export interface RequiredEnrolment {
  tokenHash: Buffer
  userId: string
}

/** Whose sign-in it is that a token stands for. @throws AppError one_time_token_invalid, also for a token of another kind. */
export async function getRequiredEnrolment(
  { sql }: Pick<Deps, 'sql'>,
  mfaToken: string,
): Promise<RequiredEnrolment> {
  const tokenHash = hashMfaToken(mfaToken)
  const found = tokenHash && (await findEnrolment(sql, tokenHash))
  if (tokenHash === null || found === null) throw new AppError('one_time_token_invalid')
  return { tokenHash, userId: found.userId }
}

export interface CompletedEnrolment {
  session: OpenedSession
  recoveryCodes: string[]
}

/**
 * Completes such a sign-in by a factor that was just proven: `enable` puts it in force, in the transaction that uses the token up, makes
 * recovery codes and opens the one session that is left. `amr` is what the factor adds to the first.
 * A token never sets up a second factor beside another: whoever has the password and comes after the owner has nothing of it.
 * @throws AppError one_time_token_invalid; what `enable` throws.
 */
export async function completeRequiredEnrolment(
  deps: Pick<Deps, 'config' | 'revocations' | 'sql'>,
  { tokenHash, userId, amr, origin }: RequiredEnrolment & { amr: readonly string[]; origin: RequestOrigin },
  enable: (sql: Sql) => Promise<void>,
): Promise<CompletedEnrolment> {
  const { codes, hashes } = newRecoveryCodes()
  const { session, ended } = await deps.sql.begin(async (sql) => {
    await lockOwner(sql, userId)
    const first = await consumeEnrolment(sql, { tokenHash, userId })
    if (first === null) throw new AppError('one_time_token_invalid')
    await enable(sql)
    await forgetUnusedRecoveryCodes(sql, userId)
    await insertRecoveryCodes(sql, { userId, hashes })
    const before = await revokeSessions(sql, { userId, exceptSessionId: null, reason: 'mfa_changed', origin })
    const opened = await openSession(sql, deps, {
      userId,
      passwordHash: null,
      amr: [...new Set([...first.amr, ...amr])],
      deviceName: first.deviceName,
      origin,
    })
    if (opened === null) throw new AppError('one_time_token_invalid') // disabled or deleted meanwhile
    return { session: opened, ended: before }
  })
  await deps.revocations.revoke([...ended, ...session.endedSessionIds])
  return { session, recoveryCodes: codes }
}
