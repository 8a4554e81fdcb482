import type { RememberedDevice } from '@latchkey/contracts/http/answers'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'

export interface NewRememberedDevice {
  id: string
  userId: string
  tokenHash: Buffer
  name: string | null
  ttlSeconds: number
  /** How many others the user may keep. */
  maxOthers: number
  origin: RequestOrigin
}

/** Keeps a device and tells of it, and forgets the least recently used ones beyond the bound. False for admins and auditors. */
export async function insertRememberedDevice(
  sql: Sql,
  { origin, ...device }: NewRememberedDevice,
): Promise<boolean> {
  const rows = await sql`
    WITH u AS (
      SELECT id FROM users WHERE id = ${device.userId} AND NOT roles && '{admin,auditor}'
    ), surplus AS (
      DELETE FROM remembered_devices WHERE id = ANY (ARRAY(
        SELECT r.id FROM u JOIN remembered_devices r ON r.user_id = u.id
        ORDER BY r.last_used_at DESC, r.id
        OFFSET ${device.maxOthers}))
    ), remembered AS (
      INSERT INTO remembered_devices (id, user_id, token_hash, name, user_agent, ip, expires_at)
      SELECT ${device.id}, u.id, ${device.tokenHash}, ${device.name}, ${origin.userAgent}, ${origin.ip}::inet,
        now() + make_interval(secs => ${device.ttlSeconds})
      FROM u
      RETURNING id, user_id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
      SELECT 'device.remembered', 'notice', user_id, user_id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('rememberedDevice', id)
      FROM remembered
    )
    SELECT id FROM remembered`
  return rows.length > 0
}

type RememberedDeviceRow = Omit<RememberedDevice, 'createdAt' | 'lastUsedAt' | 'expiresAt'> &
  Record<'createdAt' | 'lastUsedAt' | 'expiresAt', Date>

/** Those that are still good, last used first. */
export async function listRememberedDevices(
  sql: Sql,
  { userId, rememberSeconds }: { userId: string; rememberSeconds: number },
): Promise<RememberedDeviceRow[]> {
  return sql<RememberedDeviceRow[]>`
    SELECT id, name, user_agent, host(ip) AS ip_address, created_at, last_used_at, good_until AS expires_at
    FROM remembered_devices, LATERAL (
      SELECT least(expires_at, created_at + make_interval(secs => ${rememberSeconds})) AS good_until) AS bounded
    WHERE user_id = ${userId} AND good_until > now()
    ORDER BY last_used_at DESC, id`
}

export async function deleteRememberedDevice(
  sql: Sql,
  { id, userId, origin }: { id: string; userId: string; origin: RequestOrigin },
): Promise<boolean> {
  const rows = await sql`
    WITH forgotten AS (
      DELETE FROM remembered_devices WHERE id = ${id} AND user_id = ${userId} RETURNING id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
      SELECT 'device.forgotten', 'info', ${userId}, ${userId}, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('reason', 'user_revoked', 'rememberedDevice', id, 'devices', 1)
      FROM forgotten
    )
    SELECT id FROM forgotten`
  return rows.length > 0
}

export async function deleteRememberedDevices(
  sql: Sql,
  { userId, origin }: { userId: string; origin: RequestOrigin },
): Promise<number> {
  const rows = await sql`
    WITH forgotten AS (
      DELETE FROM remembered_devices WHERE user_id = ${userId} RETURNING id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
      SELECT 'device.forgotten', 'info', ${userId}, ${userId}, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('reason', 'user_revoked', 'devices', count(*))
      FROM forgotten HAVING count(*) > 0
    )
    SELECT id FROM forgotten`
  return rows.length
}
