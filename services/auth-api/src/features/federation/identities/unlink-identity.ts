import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../../deps.js'
import { assertNotLastWayIn } from '../../ways-in/assert-not-last-way-in.js'
import type { OwnSession } from './link-identity.js'
import { deleteIdentity } from './queries.js'

/** Ends nothing else: sessions that began with it are their user's own. @throws AppError last_way_in, not_found for another user's too. */
export async function unlinkIdentity(
  deps: Pick<Deps, 'config' | 'sql'>,
  id: string,
  { userId, sessionId, origin }: OwnSession,
): Promise<void> {
  await deps.sql.begin(async (sql) => {
    await assertNotLastWayIn(sql, userId, { kind: 'identity', id }, deps)
    if (!(await deleteIdentity(sql, { id, userId, sessionId, origin }))) throw new AppError('not_found')
  })
}
