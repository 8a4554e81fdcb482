import { securityEventTypes, type SecurityEventType } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { oneTimeTokenInsert } from '@latchkey/platform/one-time-tokens/queries'
import type { RequestOrigin } from '../../request-origin.js'

/**
 * Tells of a request for a link, and stores its token where an account that may sign in has the address. Only then does the event name
 * a token, and only such an event makes a mail.
 */
export async function insertLinkRequest(
  sql: Sql,
  token: OneTimeToken,
  { eventType, email, origin }: { eventType: SecurityEventType; email: string; origin: RequestOrigin },
): Promise<void> {
  await sql`
    WITH named AS (
      SELECT id, email, disabled_at FROM users WHERE email = ${email}
    ), account AS (
      SELECT id AS user_id, email FROM named WHERE disabled_at IS NULL
    ), token AS (${oneTimeTokenInsert(sql, token)}
    )
    INSERT INTO outbox (type, severity, user_id, ip, user_agent, request_id, data)
    SELECT ${eventType}, ${securityEventTypes[eventType]}, named.id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
      CASE WHEN token.id IS NULL THEN '{}' ELSE jsonb_build_object('tokenId', token.id) END
    FROM (VALUES (1)) AS request LEFT JOIN named ON true LEFT JOIN token ON true`
}
