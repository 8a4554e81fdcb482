import type { Config } from '@latchkey/platform/config/config'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { deviceNameOf } from '../sessions/user-agent.js'
import { insertRememberedDevice } from './queries.js'
import { newRememberToken } from './remember-token.js'

/** As many as sessions by default, and a list that one can still read. The least recently used are forgotten. */
const maxDevices = 20

/**
 * Spares a device the second factor for a while; the token that it keeps. In the transaction of the sign-in that gave the factor, under
 * `lockOwner` and before the session is opened. Null for admins and auditors: they are always asked.
 *
 * The token stays the same until it expires. A new one at each use would show a theft, as refresh tokens do, but two windows that sign
 * in at once would lose it; and whoever has stolen it needs the password, and is in the owner's list of sessions.
 */
export async function rememberDevice(
  sql: Sql,
  { config }: { config: Pick<Config, 'mfaRememberTtlSeconds'> },
  { userId, deviceName, origin }: { userId: string; deviceName: string | null; origin: RequestOrigin },
): Promise<string | null> {
  const { token, hash } = newRememberToken()
  const isRemembered = await insertRememberedDevice(sql, {
    id: newId(),
    userId,
    tokenHash: hash,
    name: deviceName ?? deviceNameOf(origin.userAgent),
    ttlSeconds: config.mfaRememberTtlSeconds,
    maxOthers: maxDevices - 1,
    origin,
  })
  return isRemembered ? token : null
}
