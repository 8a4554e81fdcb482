import { AppError } from '@latchkey/contracts/errors'
import type { DeliveryFilter, WebhookDeliveries } from '@latchkey/contracts/http/webhooks'
import type { Sql } from '@latchkey/platform/database/client'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import { readPage, startOf } from '../read-page.js'
import { actOn, getWebhook } from './manage-webhooks.js'
import { deliveriesQuery, findEndOfDeliveries, replayDeliveries } from './queries.js'

interface DeliveryDeps {
  readonly sql: Sql
}

/** What one call makes due again at most. */
const replaysPerCall = 10_000

/** A page of what was sent to a webhook or is to be, the newest event first. @throws AppError not_found, validation_failed. */
export async function listDeliveries(
  { sql }: DeliveryDeps,
  webhookId: string,
  filter: DeliveryFilter,
): Promise<WebhookDeliveries> {
  const list = { webhookId, before: startOf(filter.cursor, null).id, status: filter.status ?? null }
  await getWebhook({ sql }, webhookId)
  const { rows, nextCursor } = await readPage(filter.limit, {
    find: async (limit) => deliveriesQuery(sql, list, limit),
    findEnd: () => findEndOfDeliveries(sql, list),
  })
  return {
    deliveries: rows.map((row) => ({
      eventId: row.id,
      type: row.type,
      status: row.status,
      attempts: row.attempts,
      reason: row.reason,
      occurredAt: row.occurredAt.toISOString(),
      dueAt: row.settledAt === null ? row.dueAt.toISOString() : null,
      settledAt: row.settledAt?.toISOString() ?? null,
    })),
    nextCursor,
  }
}

/** One that was delivered or is dead. @throws AppError not_found: also when it waits to be sent anyway. */
export async function replayDelivery(
  deps: DeliveryDeps,
  admin: ActingAdmin,
  { id, eventId }: { id: string; eventId: string },
): Promise<void> {
  await actAsAdmin(deps, admin, async (sql) => {
    const replayed = await replayDeliveries(sql, admin, { id, eventId, limit: 1 })
    if (replayed === 0) throw new AppError('not_found')
    return { act: actOn('webhook.replayed', id, { eventId }), result: null }
  })
}

/** All that are dead; answers how many. @throws AppError not_found. */
export async function replayDead(deps: DeliveryDeps, admin: ActingAdmin, id: string): Promise<number> {
  return actAsAdmin(deps, admin, async (sql) => {
    await getWebhook({ sql }, id)
    const replayed = await replayDeliveries(sql, admin, { id, eventId: null, limit: replaysPerCall })
    return { act: replayed === 0 ? null : actOn('webhook.replayed', id), result: replayed }
  })
}
