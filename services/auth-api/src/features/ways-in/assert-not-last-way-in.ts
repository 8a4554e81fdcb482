import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import { lockOwner } from '../mfa/lock-owner.js'
import { hasOtherWayIn } from './queries.js'

/** What signs its user in by itself, and is about to go. */
export interface WayIn {
  kind: 'passkey' | 'identity'
  id: string
}

/**
 * For the transaction that takes a way in away, before it does: of two that go at once the second waits here, and sees that the first
 * has gone. A link in a mail counts for nothing: it recovers an account, and is the operator's to switch off.
 * @throws AppError last_way_in.
 */
export async function assertNotLastWayIn(sql: Sql, userId: string, removing: WayIn): Promise<void> {
  await lockOwner(sql, userId)
  if (!(await hasOtherWayIn(sql, userId, removing))) throw new AppError('last_way_in')
}
