import type { OneTimePurpose } from '@latchkey/contracts/one-time-tokens'
import type { Keyring } from '../crypto/keyring.js'
import type { Sql } from '../database/client.js'
import { decodeOneTimeToken, newOneTimeToken } from './one-time-token.js'
import { deleteOneTimeTokens, insertOneTimeToken, takeOneTimeToken, type ConsumedToken } from './queries.js'

export type { ConsumedToken } from './queries.js'

/**
 * Makes a token for a link to `email` and answers its id, which the caller puts into its event as `tokenId`: the mail that follows
 * from the event gets the link. One statement, in the caller's transaction. Whoever has a statement of their own takes
 * `oneTimeTokenInsert` of queries.ts into it.
 */
export async function issueOneTimeToken(
  sql: Sql,
  { keyring }: { keyring: Keyring },
  { purpose, userId, email }: { purpose: OneTimePurpose; userId: string; email: string },
): Promise<string> {
  const token = newOneTimeToken(keyring, purpose)
  await insertOneTimeToken(sql, token, { userId, email })
  return token.id
}

/**
 * Uses a token up, in the transaction of what it is good for, which comes after it: should that fail, the token is whole. It locks the
 * user's credential and user. Null when the token is not good, whyever; one that we never issued costs no I/O.
 */
export async function consumeOneTimeToken(
  sql: Sql,
  { keyring }: { keyring: Keyring },
  { purpose, token }: { purpose: OneTimePurpose; token: string },
): Promise<ConsumedToken | null> {
  const decoded = decodeOneTimeToken(keyring, purpose, token)
  return decoded === null ? null : takeOneTimeToken(sql, decoded)
}

/**
 * Ends every link of a user but those that undo a change of address: they are how an owner gets an account back, whatever a thief
 * has done with it since.
 */
export function discardOneTimeTokens(sql: Sql, userId: string): Promise<void> {
  return deleteOneTimeTokens(sql, { userId, undoSince: null })
}
