import { AppError } from '@latchkey/contracts/errors'
import type { Alert } from '@latchkey/contracts/http/alerts'
import type { Deps } from '../../../deps.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import { acknowledge, findAlert } from './queries.js'
import { readAlert } from './read-alert.js'

/**
 * Says that somebody has seen to it. Who was first stays: a second time changes nothing and tells of nothing.
 * @throws AppError not_found.
 */
export async function acknowledgeAlert(
  deps: Pick<Deps, 'sql'>,
  admin: ActingAdmin,
  { id, note }: { id: string; note: string | null },
): Promise<Alert> {
  await actAsAdmin(deps, admin, async (sql) => {
    const alert = await findAlert(sql, id)
    if (alert === null) throw new AppError('not_found')
    const isDone = await acknowledge(sql, admin, { id, note })
    const act = { action: 'alert.acknowledged', userId: alert.userId, data: { alertId: id } }
    return { act: isDone ? act : null, result: null }
  })
  return readAlert(deps, id)
}
