import type { Keyring } from '../crypto/keyring.js'
import type { Sql } from '../database/client.js'
import { signHead } from './anchor.js'
import { writeAnchor, type AnchorLine } from './anchor-line.js'
import { findHead, insertAnchor } from './queries.js'

/** Signs the end of the log where something was added since the last time, and stores it; null where there was nothing. */
export async function anchorHead({
  sql,
  keyring,
}: {
  readonly sql: Sql
  readonly keyring: Pick<Keyring, 'current'>
}): Promise<AnchorLine | null> {
  const head = await findHead(sql)
  if (head === null || !head.hasNews) return null
  const { chainId, number, lastSeq, hash } = head
  const anchor = signHead(keyring.current, { chainId, number, lastSeq, hash }, new Date())
  const line = writeAnchor(anchor)
  return (await insertAnchor(sql, anchor, line)) ? line : null
}
