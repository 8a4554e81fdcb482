import { AppError } from '@latchkey/contracts/errors'
import type {
  ChangeWebhookBody,
  NewWebhookBody,
  RotatedWebhookSecret,
  Webhook,
  WebhookCredentials,
} from '@latchkey/contracts/http/webhooks'
import { allEventTypes, maxWebhooks, previousSecretSeconds } from '@latchkey/contracts/webhooks'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../../deps.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import { readWebhookUrl } from './webhook-url.js'
import {
  deleteWebhookRow,
  findWebhook,
  insertTestEvent,
  insertWebhook,
  listWebhookRows,
  replaceWebhookSecret,
  updateWebhook,
  type WebhookRow,
} from './queries.js'
import { newWebhookSecret } from './webhook-secret.js'

interface WebhookDeps extends Pick<Deps, 'keyring' | 'outbound'> {
  readonly sql: Sql
}

export async function listWebhooks({ sql }: Pick<WebhookDeps, 'sql'>): Promise<Webhook[]> {
  return (await listWebhookRows(sql)).map(shown)
}

/** @throws AppError not_found. */
export async function getWebhook({ sql }: Pick<WebhookDeps, 'sql'>, id: string): Promise<Webhook> {
  const row = await findWebhook(sql, id)
  if (row === null) throw new AppError('not_found')
  return shown(row)
}

/** @throws AppError validation_failed: an address that is not to be asked, or one webhook too many. */
export async function createWebhook(
  deps: WebhookDeps,
  admin: ActingAdmin,
  body: NewWebhookBody,
): Promise<WebhookCredentials> {
  const url = await readWebhookUrl(deps.outbound, body.url)
  const id = newId()
  const { secret, sealedSecret } = newWebhookSecret(deps.keyring, id)
  const webhook = {
    id,
    url,
    description: body.description ?? '',
    eventTypes: body.eventTypes ?? [allEventTypes],
    leastSeverity: body.leastSeverity ?? 'info',
    sealedSecret,
  }
  await actAsAdmin(deps, admin, async (sql) => {
    if (!(await insertWebhook(sql, admin, webhook, maxWebhooks)))
      throw new AppError('validation_failed', `There are ${maxWebhooks} webhooks, and there can be no more.`)
    return { act: actOn('webhook.created', id), result: null }
  })
  return { webhookId: id, secret }
}

/** @throws AppError not_found, or validation_failed: an address that is not to be asked. */
export async function changeWebhook(
  deps: WebhookDeps,
  admin: ActingAdmin,
  id: string,
  body: ChangeWebhookBody,
): Promise<Webhook> {
  const change = {
    url: body.url === undefined ? null : await readWebhookUrl(deps.outbound, body.url),
    description: body.description ?? null,
    eventTypes: body.eventTypes ?? null,
    leastSeverity: body.leastSeverity ?? null,
    isEnabled: body.enabled ?? null,
  }
  return actAsAdmin(deps, admin, async (sql) => {
    if (!(await updateWebhook(sql, admin, id, change))) throw new AppError('not_found')
    const fields = Object.keys(body)
    return { act: actOn('webhook.changed', id, { fields }), result: await getWebhook({ sql }, id) }
  })
}

/** With all that waits for it. @throws AppError not_found. */
export async function deleteWebhook(deps: WebhookDeps, admin: ActingAdmin, id: string): Promise<void> {
  await actAsAdmin(deps, admin, async (sql) => {
    if (!(await deleteWebhookRow(sql, admin, id))) throw new AppError('not_found')
    return { act: actOn('webhook.deleted', id), result: null }
  })
}

/** A new secret; for a day both sign. @throws AppError not_found. */
export async function rotateWebhookSecret(
  deps: WebhookDeps,
  admin: ActingAdmin,
  id: string,
): Promise<RotatedWebhookSecret> {
  const { secret, sealedSecret } = newWebhookSecret(deps.keyring, id)
  return actAsAdmin(deps, admin, async (sql) => {
    const expiresAt = await replaceWebhookSecret(sql, admin, {
      id,
      sealedSecret,
      keepSeconds: previousSecretSeconds,
    })
    if (expiresAt === null) throw new AppError('not_found')
    const result = { webhookId: id, secret, previousSecretExpiresAt: expiresAt.toISOString() }
    return { act: actOn('webhook.secret_rotated', id), result }
  })
}

/** Sends it an event, whatever it asks for. @throws AppError not_found, or validation_failed when it is disabled. */
export async function testWebhook(deps: WebhookDeps, admin: ActingAdmin, id: string): Promise<void> {
  await actAsAdmin(deps, admin, async (sql) => {
    const isEnabled = await insertTestEvent(sql, admin, id)
    if (isEnabled === null) throw new AppError('not_found')
    if (!isEnabled) throw new AppError('validation_failed', 'The webhook is disabled.')
    return { act: actOn('webhook.tested', id), result: null }
  })
}

export const actOn = (action: string, webhookId: string, data: Record<string, unknown> = {}) => ({
  action,
  userId: null,
  data: { webhookId, ...data },
})

function shown({ failures, ...row }: WebhookRow): Webhook {
  return {
    ...row,
    enabled: row.disabledAt === null,
    failuresInARow: failures,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    disabledAt: row.disabledAt?.toISOString() ?? null,
    failingSince: row.failingSince?.toISOString() ?? null,
    pausedUntil: row.pausedUntil?.toISOString() ?? null,
    previousSecretExpiresAt: row.previousSecretExpiresAt?.toISOString() ?? null,
  }
}
