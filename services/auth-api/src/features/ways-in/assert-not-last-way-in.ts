import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
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
 * has gone. A link in a mail counts for nothing: it recovers an account, and is the operator's to switch off. Neither does a passkey
 * that was disabled, or an account at a provider that is none of ours any more.
 * @throws AppError last_way_in.
 */
export async function assertNotLastWayIn(
  sql: Sql,
  userId: string,
  removing: WayIn,
  { config }: { config: Pick<Config, 'googleClientId' | 'oidcProviders'> },
): Promise<void> {
  await lockOwner(sql, userId)
  const providers = [
    ...(config.googleClientId === null ? [] : ['google']),
    ...(config.oidcProviders ?? []).map(({ id }) => id),
  ]
  if (!(await hasOtherWayIn(sql, { userId, removing, providers }))) throw new AppError('last_way_in')
}
