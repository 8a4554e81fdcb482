// Attack: a webhook that leads the server to what only it can reach, a secret that can be read again, a stream of events that is turned
// elsewhere or cut off unseen: by an admin who should not, or by whoever got through the api.
// Alone: what it does before each test is for its own.
import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { open } from '@latchkey/platform/crypto/seal'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import t from 'tap'
import { newOperator } from './support/admins.js'
import { createTestApp } from './support/test-app.js'

// An address that is public, so that nothing is resolved; nobody is asked anything here.
const url = 'https://93.184.215.14/hooks/T00000000'

const testApp = await createTestApp(t, { redisUrl: null, outboundAllowedNetworks: ['10.20.0.0/16'] })
const { db, deps } = testApp
const admin = await newOperator(testApp)
const auditor = await newOperator(testApp, ['user', 'auditor'])

t.beforeEach(async () => {
  await db`DELETE FROM webhook_endpoints`
  await db`DELETE FROM webhook_deliveries`
  await db`DELETE FROM outbox`
})

async function create(body: object = {}): Promise<{ id: string; secret: string }> {
  const answer = await admin.call('POST', '/webhooks', { url, ...body })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return { id: String(answer.body['webhookId']), secret: String(answer.body['secret']) }
}

/** What the outbox tells, in the order in which it happened. */
const told = async () => db`SELECT type, severity, actor_id, data FROM outbox ORDER BY occurred_at`

t.test('a webhook is made, shown without its secret, changed and deleted, and each is told', async (t) => {
  const { id, secret } = await create({ description: 'SIEM', leastSeverity: 'notice' })
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const [row] = await db<{ sealedSecret: Buffer }[]>`SELECT sealed_secret FROM webhook_endpoints`
  const opened = row && open(deps.keyring, row.sealedSecret, sealedWebhookPlace(id))
  t.equal(opened?.toString('base64'), secret.slice('whsec_'.length))

  const shown = {
    id,
    url,
    description: 'SIEM',
    eventTypes: ['*'],
    leastSeverity: 'notice',
    enabled: true,
    disabledAt: null,
    disabledReason: null,
    failuresInARow: 0,
    failingSince: null,
    pausedUntil: null,
    previousSecretExpiresAt: null,
  }
  const one = await auditor.call('GET', `/webhooks/${id}`)
  t.match(one.body, shown)
  t.same(Object.keys(one.body).toSorted(), [...Object.keys(shown), 'createdAt', 'updatedAt'].toSorted())
  t.match((await auditor.call('GET', '/webhooks')).body, { webhooks: [shown] })

  const eventTypes = ['login.locked', 'session.reuse_detected']
  const changed = await admin.call('PATCH', `/webhooks/${id}`, {
    eventTypes,
    enabled: false,
    description: '',
  })
  const off = { enabled: false, disabledReason: 'admin', disabledAt: /Z$/ }
  t.match(changed.body, { ...shown, description: '', eventTypes, ...off })
  t.match((await admin.call('PATCH', `/webhooks/${id}`, { enabled: true })).body, { enabled: true, url })
  t.equal((await admin.call('DELETE', `/webhooks/${id}`)).status, 204)
  t.match((await auditor.call('GET', '/webhooks')).body, { webhooks: [] })

  const by = { actorId: admin.userId }
  const host = '93.184.215.14'
  t.match(await told(), [
    { type: 'webhook.created', severity: 'warning', ...by, data: { webhookId: id, host, eventTypes: ['*'] } },
    { type: 'admin.acted', ...by, data: { action: 'webhook.created', webhookId: id } },
    {
      type: 'webhook.changed',
      severity: 'warning',
      ...by,
      data: { webhookId: id, eventTypes, enabled: false },
    },
    { type: 'admin.acted', ...by, data: { fields: ['eventTypes', 'enabled', 'description'] } },
    { type: 'webhook.changed', ...by, data: { enabled: true } },
    { type: 'admin.acted', ...by },
    { type: 'webhook.deleted', severity: 'warning', ...by, data: { webhookId: id, host } },
    { type: 'admin.acted', ...by },
  ])
  t.notMatch(JSON.stringify(await told()), /T00000000|whsec/, 'no path of a URL, and no secret')
})

t.test('an address that only we can reach is refused when it is typed in', async (t) => {
  const { id } = await create()
  const refused: Record<string, RegExp> = {
    'https://127.0.0.1/': /not in a public network/,
    'http://10.21.0.1/': /not in a public network/,
    'https://169.254.169.254/latest/meta-data/': /not in a public network/,
    'https://[::ffff:127.0.0.1]/': /not in a public network/,
    'https://localhost/': /not in a public network/,
    'http://93.184.215.14/': /must be https/,
    'ftp://93.184.215.14/': /must be https/,
    'https://user:password@93.184.215.14/': /no user and no password/,
    'https://93.184.215.14/#part': /no fragment/,
    [`https://93.184.215.14/${'ä'.repeat(1000)}`]: /too long/,
    'not a URL': /not a URL/,
  }
  for (const [bad, message] of Object.entries(refused)) {
    for (const [method, path] of [
      ['POST', '/webhooks'],
      ['PATCH', `/webhooks/${id}`],
    ] as const) {
      const { status, body } = await admin.call(method, path, { url: bad })
      t.equal(status, 400, `${method} ${bad.slice(0, 60)}`)
      t.match(body, { code: 'validation_failed', errors: [{ path: '/url', message }] })
    }
  }
  t.match((await admin.call('GET', `/webhooks/${id}`)).body, { url })
  t.ok(await create({ url: 'http://10.20.0.7:8080/hook' }), 'unless the operator has allowed its network')
  t.ok(await create({ url: 'https://name.invalid/' }), 'a name may be known to the worker alone')
})

t.test('bodies say what they mean, and twenty are enough', async (t) => {
  for (const body of [
    { url, eventTypes: [] },
    { url, eventTypes: ['login.unknown'] },
    { url, eventTypes: ['*', '*'] },
    { url, leastSeverity: 'high' },
    { url, description: 'a\nb' },
    { url, secret: 'whsec_mine' },
    {},
  ])
    t.equal((await admin.call('POST', '/webhooks', body)).status, 400, JSON.stringify(body))
  const { id } = await create()
  t.equal((await admin.call('PATCH', `/webhooks/${id}`, {})).status, 400)
  const answers = await Promise.all(
    Array.from({ length: 25 }, () => admin.call('POST', '/webhooks', { url })),
  )
  t.equal(answers.filter(({ status }) => status === 201).length, 19)
  t.match(answers.find(({ status }) => status === 400)?.body, { detail: /no more/ })
})

t.test('what is not there is not found', async (t) => {
  const path = `/webhooks/${newId()}`
  for (const [method, rest, body] of [
    ['GET', '', undefined],
    ['PATCH', '', { enabled: true }],
    ['DELETE', '', undefined],
    ['POST', '/rotate-secret', undefined],
    ['POST', '/test', undefined],
    ['GET', '/deliveries', undefined],
    ['POST', '/replay', undefined],
    ['POST', `/deliveries/${newId()}/replay`, undefined],
  ] as const)
    t.equal((await admin.call(method, path + rest, body)).body['code'], 'not_found', method + rest)
  t.same(await told(), [])
})

t.test('a new secret is shown once, and the one before signs for a day yet', async (t) => {
  const { id, secret } = await create()
  const { body } = await admin.call('POST', `/webhooks/${id}/rotate-secret`)
  t.match(body, { webhookId: id, secret: /^whsec_/ })
  t.not(body['secret'], secret)
  const seconds = (Date.parse(String(body['previousSecretExpiresAt'])) - Date.now()) / 1000
  t.ok(seconds > 86_300 && seconds <= 86_401)
  const [row] = await db<
    { sealedPreviousSecret: Buffer }[]
  >`SELECT sealed_previous_secret FROM webhook_endpoints`
  const opened = row && open(deps.keyring, row.sealedPreviousSecret, sealedWebhookPlace(id))
  t.equal(opened?.toString('base64'), secret.slice('whsec_'.length))
  t.match((await admin.call('GET', `/webhooks/${id}`)).body, {
    previousSecretExpiresAt: body['previousSecretExpiresAt'],
  })
})

t.test('a test is an event like any other, and a disabled webhook gets none', async (t) => {
  const { id } = await create({ leastSeverity: 'critical' })
  await db`DELETE FROM outbox`
  t.equal((await admin.call('POST', `/webhooks/${id}/test`)).status, 202)
  t.match(await told(), [{ type: 'webhook.tested', data: { webhookId: id } }, { type: 'admin.acted' }])
  await admin.call('PATCH', `/webhooks/${id}`, { enabled: false })
  t.match((await admin.call('POST', `/webhooks/${id}/test`)).body, { detail: /disabled/ })
})

t.test('deliveries are listed, and sent again when somebody asks for it', async (t) => {
  const { id } = await create()
  const { id: other } = await create()
  const events = Array.from({ length: 5 }, () => newSecurityEvent('login.failed', {}))
  const [dead = '', delivered = '', waiting = '', late = '', last = ''] = events.map((event) => event.id)
  await persistSecurityEvents(db, events)
  await db`
    UPDATE webhook_deliveries SET settled_at = now(), status = 'dead', reason = 'status 500', attempts = 8
    WHERE endpoint_id = ${id} AND event_id = ANY(${[dead, last]}::uuid[])`
  await db`
    UPDATE webhook_deliveries SET settled_at = now(), status = 'delivered', attempts = 1
    WHERE endpoint_id = ${id} AND event_id = ANY(${[delivered, late]}::uuid[])`
  const list = async (query = '') => {
    const { body } = await auditor.call('GET', `/webhooks/${id}/deliveries${query}`)
    return body as { deliveries: { eventId: string }[]; nextCursor: string | null }
  }
  const idsOf = async (query: string) => (await list(query)).deliveries.map(({ eventId }) => eventId)
  t.same(await idsOf(''), [last, late, waiting, delivered, dead])
  t.match((await list('?status=dead')).deliveries, [
    { eventId: last, type: 'login.failed', status: 'dead', attempts: 8, reason: 'status 500', dueAt: null },
    { eventId: dead },
  ])
  t.match((await list('?status=pending')).deliveries, [{ eventId: waiting, settledAt: null, reason: null }])
  const first = await list('?limit=2')
  t.same(await idsOf(`?limit=2&cursor=${first.nextCursor ?? ''}`), [waiting, delivered])
  t.equal((await auditor.call('GET', `/webhooks/${id}/deliveries?cursor=x`)).status, 400)

  await db`DELETE FROM outbox`
  t.equal((await admin.call('POST', `/webhooks/${id}/deliveries/${delivered}/replay`)).status, 202)
  t.equal(
    (await admin.call('POST', `/webhooks/${id}/deliveries/${waiting}/replay`)).body['code'],
    'not_found',
    'it waits to be sent anyway',
  )
  t.match((await admin.call('POST', `/webhooks/${id}/replay`)).body, { replayed: 2 })
  t.match((await admin.call('POST', `/webhooks/${id}/replay`)).body, { replayed: 0 })
  t.same(await idsOf('?status=pending'), [last, waiting, delivered, dead])
  t.match((await list('?status=pending')).deliveries, [{ attempts: 0, reason: null }])
  t.match(
    (await told()).filter(({ type }) => type === 'webhook.replayed'),
    [{ data: { deliveries: 1 } }, { data: { webhookId: id, deliveries: 2 } }],
  )
  const { body } = await auditor.call('GET', `/webhooks/${other}/deliveries?status=pending`)
  t.equal((body['deliveries'] as unknown[]).length, 5, "another webhook's are its own")
})

t.test('the api by itself reads no secret and turns no stream', async (t) => {
  const { id } = await create()
  const { sql } = deps
  for (const attempt of [
    sql`SELECT sealed_secret FROM webhook_endpoints`,
    sql`SELECT sealed_previous_secret FROM webhook_endpoints`,
    sql`UPDATE webhook_endpoints SET url = 'https://evil.example/'`,
    sql`UPDATE webhook_endpoints SET paused_until = 'infinity'`,
    sql`DELETE FROM webhook_endpoints`,
    sql`INSERT INTO webhook_endpoints (id, url) VALUES (${newId()}, 'https://evil.example/')`,
    sql`UPDATE webhook_deliveries SET settled_at = now(), status = 'delivered'`,
    sql`DELETE FROM webhook_deliveries`,
  ])
    await t.rejects(attempt, { code: '42501' })
  for (const session of [auditor.session.sessionId, newId()])
    await t.rejects(
      sql`SELECT change_webhook(${session}, ${id}, 'https://evil.example/', NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
      { code: 'LK001' },
    )
})
