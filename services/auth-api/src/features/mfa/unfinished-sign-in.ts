import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import { hashMfaToken } from './mfa-token.js'
import { findChallenge } from './queries.js'

/** A sign-in that has passed its first factor and waits for the second. */
export interface UnfinishedSignIn {
  userId: string
  tokenHash: Buffer
}

/** Whose sign-in it is that a token stands for. @throws AppError one_time_token_invalid, also for a token of another kind. */
export async function getUnfinishedSignIn(sql: Sql, mfaToken: string): Promise<UnfinishedSignIn> {
  const tokenHash = hashMfaToken(mfaToken)
  const found = tokenHash && (await findChallenge(sql, tokenHash))
  if (tokenHash === null || found === null) throw new AppError('one_time_token_invalid')
  return { userId: found.userId, tokenHash }
}
