import { AppError } from '@latchkey/contracts/errors'
import type { FinishForSessionBody, Identity } from '@latchkey/contracts/http/federation'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Deps } from '../../../deps.js'
import type { RequestOrigin } from '../../../request-origin.js'
import { lockOwner } from '../../mfa/lock-owner.js'
import { readHolder, type Holder } from '../holder.js'
import { takeLinkCode } from '../queries.js'
import { hashCode } from '../step-secrets.js'
import { identityAnswer } from './identity-answer.js'
import { findOwnIdentity, insertIdentity } from './queries.js'

export interface OwnSession {
  userId: string
  sessionId: string
  origin: RequestOrigin
}

/**
 * Links what the user has signed in with elsewhere. It takes the session that asked for it, and not only the browser: else whoever sends
 * somebody a link of their own would get that one's identity into their own account.
 * @throws AppError one_time_token_invalid, identity_taken (also when the user has as many as there may be).
 */
export async function linkIdentity(
  { sql: pool }: Pick<Deps, 'sql'>,
  body: FinishForSessionBody & Holder,
  { userId, sessionId, origin }: OwnSession,
): Promise<Identity> {
  const tokenHash = hashCode(body.code)
  const holderHash = readHolder(body)
  if (tokenHash === null || holderHash === null) throw new AppError('one_time_token_invalid')
  const row = await pool.begin(async (sql) => {
    await lockOwner(sql, userId)
    const identity = await takeLinkCode(sql, { tokenHash, holderHash, userId, sessionId })
    if (identity === null) throw new AppError('one_time_token_invalid')
    const linked = { ...identity, id: newId(), userId, sessionId, isNews: true, origin }
    return (await insertIdentity(sql, linked)) ?? (await findOwnIdentity(sql, userId, identity))
  })
  if (row === null) throw new AppError('identity_taken')
  return identityAnswer(row)
}
