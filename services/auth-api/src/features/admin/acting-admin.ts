import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { insertAct, lockActingAdmin } from './queries.js'

/** Who acts: an admin in a session of theirs. */
export interface ActingAdmin {
  readonly userId: string
  readonly sessionId: string
  readonly origin: RequestOrigin
}

/** What was done, to whom or what. Names of fields, never their values. */
export interface Act {
  readonly action: string
  /** The user it was done to; null where it was none. */
  readonly userId: string | null
  readonly data?: Readonly<Record<string, unknown>>
}

/**
 * Does something as an admin, and tells of it in the same transaction: `admin.acted` with what `work` names, or nothing when it
 * answers null. The first statement checks that the session is still one of an enabled admin and keeps it so until the end; it takes
 * the lock under which admins come and go, and so comes before every lock on a row.
 * @throws AppError forbidden, as an error of the database.
 */
export async function actAsAdmin<T>(
  deps: { readonly sql: Sql },
  admin: ActingAdmin,
  work: (sql: Sql) => Promise<{ act: Act | null; result: T }>,
): Promise<T> {
  return deps.sql.begin(async (sql) => {
    await lockActingAdmin(sql, admin.sessionId)
    const { act, result } = await work(sql)
    if (act !== null) await insertAct(sql, admin, act)
    return result
  })
}
