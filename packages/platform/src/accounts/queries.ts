import type { MfaRequirement } from '../config/config.js'
import type { Sql } from '../database/client.js'

/** Of a user `u`: whether REQUIRE_MFA names them. */
export const needsSecondFactor = (sql: Sql, { everyone, admins, userTypes }: MfaRequirement) => sql`
  (${everyone}::boolean OR (${admins}::boolean AND u.roles && '{admin,auditor}')
    OR coalesce(u.user_type = ANY (${userTypes}::text[]), false))`
