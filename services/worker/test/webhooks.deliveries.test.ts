// Attack: whoever reads along, forges, or makes a webhook tell what the log has forgotten; and a secret that outlives its change.
// Alone: it starts servers and processes of its own.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { isSealedWith, seal } from '@latchkey/platform/crypto/seal'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { cleanWebhooks } from '@latchkey/worker/jobs/deliver-webhooks/clean-webhooks'
import { pseudonymiseErased } from '@latchkey/worker/jobs/pseudonymise-erased/pseudonymise-erased'
import { startExample } from './support/example.js'
import { insertUser } from './support/session-rows.js'
import {
  createWebhookRoom,
  deliveryRows,
  endpointState,
  insertEndpoint,
  moveWebhookClock,
  verify,
  type TestEndpoint,
} from './support/webhooks.js'

const { signal } = new AbortController()
const { db, deliver, deps, happen, insertHere, lines, receiver } = await createWebhookRoom(t)
const { keyring, sql } = deps

t.test('an event arrives once, as the library for Standard Webhooks verifies it', async (t) => {
  const endpoint = await insertHere()
  const userId = await insertUser(db)
  const event = newSecurityEvent('email.changed', {
    userId,
    ip: '203.0.113.7',
    userAgent: 'Firefox “ä”',
    data: { mailTo: 'old@example.com', mailLocale: 'de', reason: 'asked' },
  })
  await persistSecurityEvents(sql, [event])
  await persistSecurityEvents(sql, [event])
  await deliver(endpoint)
  await deliver(endpoint)

  t.equal(receiver.received.length, 1)
  const [request] = receiver.received
  if (request === undefined) return
  const { ip, data: _, ...told } = event
  t.same(verify(endpoint.secret, request), {
    type: 'email.changed',
    timestamp: event.occurredAt,
    data: { ...told, ipAddress: ip, data: { reason: 'asked' } },
  })
  t.match(request, { path: '/hook', headers: { 'webhook-id': event.id, 'content-type': 'application/json' } })
  t.throws(() => verify(endpoint.secret, { ...request, body: request.body.replace('Firefox', 'Safari') }))
  t.throws(() => verify(`whsec_${randomBytes(32).toString('base64')}`, request))
  t.match(await deliveryRows(db, endpoint.id), [{ status: 'delivered', attempts: 1, reason: null }])
  t.match(await deps.metrics.registry.metrics(), 'webhook_deliveries_total{status="delivered"} 1')
})

t.test('an endpoint hears of what it has asked for', async (t) => {
  const all = await insertHere()
  const some = await insertHere({
    eventTypes: ['login.failed', 'session.reuse_detected'],
    leastSeverity: 'warning',
  })
  const grave = await insertHere({ leastSeverity: 'critical' })
  const off = await insertHere()
  await db`UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = 'admin' WHERE id = ${off.id}`
  const failed = newSecurityEvent('login.failed', {})
  const gravelyFailed = newSecurityEvent('login.failed', {}, 'critical')
  const reused = newSecurityEvent('session.reuse_detected', {})
  const locked = newSecurityEvent('login.locked', {})
  const tested = newSecurityEvent('webhook.tested', { data: { webhookId: grave.id } })
  await persistSecurityEvents(sql, [failed, gravelyFailed, reused, locked, tested])
  const heard = async ({ id }: TestEndpoint) => (await deliveryRows(db, id)).map(({ eventId }) => eventId)
  t.same(
    await heard(all),
    [failed, gravelyFailed, reused, locked, tested].map(({ id }) => id),
  )
  t.same(await heard(some), [gravelyFailed.id, reused.id])
  t.same(await heard(grave), [gravelyFailed.id, reused.id, tested.id])
  t.same(await heard(off), [])
})

t.test('what is worse goes first', async (t) => {
  const endpoint = await insertHere()
  await happen(30)
  const reused = newSecurityEvent('session.reuse_detected', {})
  await persistSecurityEvents(sql, [reused])
  await deliver(endpoint)
  t.equal(receiver.received.length, 31)
  const place = receiver.received.findIndex(({ headers }) => headers['webhook-id'] === reused.id)
  t.ok(place < 5, `sent at place ${place}`)
})

t.test('for a day two secrets sign, then the new one alone', async (t) => {
  const endpoint = await insertHere()
  const key = randomBytes(32)
  const fresh = `whsec_${key.toString('base64')}`
  await db`
    UPDATE webhook_endpoints SET sealed_previous_secret = sealed_secret, previous_secret_expires_at = now() + interval '1 day',
      sealed_secret = ${seal(keyring.current, key, sealedWebhookPlace(endpoint.id))}`
  await happen()
  await deliver(endpoint)
  await moveWebhookClock(db, 24 * 3600 + 1)
  await happen()
  await deliver(endpoint)
  const [both, one] = receiver.received
  if (both === undefined || one === undefined) throw new Error('not delivered')
  t.ok(verify(fresh, both))
  t.ok(verify(endpoint.secret, both))
  t.ok(verify(fresh, one))
  t.throws(() => verify(endpoint.secret, one))
  await cleanWebhooks(deps, signal)
  const [row] = await db`SELECT sealed_previous_secret FROM webhook_endpoints`
  t.equal(row?.['sealedPreviousSecret'], null, 'and the old one is forgotten')
})

t.test(
  'secrets move to a new AUTH_SECRET; one that nobody can open is told, and sends nothing unsigned',
  async (t) => {
    const before = createKeyring('the secret of last year, long enough', null)
    const moving = createKeyring(
      'the secret of this year, long enough',
      'the secret of last year, long enough',
    )
    const moved = createKeyring('the secret of this year, long enough', null)
    const endpoint = await insertEndpoint(db, before, receiver.url)
    await happen(2)
    await deliver(endpoint, { keyring: moved })
    t.equal(receiver.received.length, 0)
    t.match(await deliveryRows(db, endpoint.id), [{ reason: /cannot be opened/ }, {}])
    await cleanWebhooks({ ...deps, keyring: moved }, signal)
    t.ok(lines.some(({ msg }) => /secret of a webhook cannot be opened/.test(msg)))

    await cleanWebhooks({ ...deps, keyring: moving }, signal)
    const [row] = await db<{ sealedSecret: Buffer }[]>`SELECT sealed_secret FROM webhook_endpoints`
    t.ok(row !== undefined && isSealedWith(moved.current, row.sealedSecret, sealedWebhookPlace(endpoint.id)))
    await db`UPDATE webhook_deliveries SET due_at = now()`
    await deliver(endpoint, { keyring: moved })
    t.equal(receiver.received.length, 2)
  },
)

t.test('of somebody who was erased a delivery that waits tells no more than the log', async (t) => {
  const endpoint = await insertHere()
  const userId = await insertUser(db)
  const traces = { ip: '203.0.113.7', userAgent: 'Firefox/1.0', requestId: 'request-1' }
  await persistSecurityEvents(sql, [newSecurityEvent('login.succeeded', { userId, ...traces })])
  await db`SELECT erase_person(${userId}, ${userId}, NULL, ${traces.ip}, ${traces.userAgent}, 'request-2')`
  await db`UPDATE erasures SET due_at = now()`
  await pseudonymiseErased(deps, signal)
  await deliver(endpoint)
  const [request] = receiver.received
  t.equal(receiver.received.length, 1)
  for (const trace of [userId, ...Object.values(traces)]) t.notOk(request?.body.includes(trace), trace)
})

t.test('what the log does not keep any more is not sent', async (t) => {
  const endpoint = await insertHere()
  await happen()
  await db`DELETE FROM security_events`
  await deliver(endpoint)
  t.match(await deliveryRows(db, endpoint.id), [{ status: 'dead', reason: /not kept any more/ }])
  t.match(await endpointState(db, endpoint.id), { failures: 0 })
})

t.test(
  'what has waited for days is given up, what was settled long ago forgotten, what belongs to none deleted',
  async (t) => {
    const endpoint = await insertHere()
    const days = 24 * 3600
    await happen(1)
    await deliver(endpoint)
    await db`UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = 'admin'`
    await cleanWebhooks(deps, signal)
    t.match(await deliveryRows(db, endpoint.id), [{ status: 'delivered' }])
    await db`UPDATE webhook_endpoints SET disabled_at = NULL, disabled_reason = NULL`
    await happen(2)
    await moveWebhookClock(db, 3 * days + 1)
    await cleanWebhooks(deps, signal)
    t.match(await deliveryRows(db, endpoint.id), [
      { status: 'delivered' },
      { status: 'dead', reason: 'it was never tried' },
      { status: 'dead' },
    ])
    await moveWebhookClock(db, 5 * days)
    await cleanWebhooks(deps, signal)
    t.match(await deliveryRows(db, endpoint.id), [{ status: 'dead' }, { status: 'dead' }])
    await moveWebhookClock(db, 26 * days)
    await cleanWebhooks(deps, signal)
    t.same(await deliveryRows(db, endpoint.id), [])
    await happen(1)
    await db`DELETE FROM webhook_endpoints`
    await cleanWebhooks(deps, signal)
    t.same(await deliveryRows(db, endpoint.id), [])
  },
)

t.test(
  'the receiver of the documentation runs as it stands, and takes only what was signed, once',
  async (t) => {
    const endpoint = await insertHere()
    const [event] = await happen()
    await deliver(endpoint)
    const [request] = receiver.received
    if (request === undefined || event === undefined) throw new Error('not delivered')
    const example = await startExample(t, 'webhook-receiver.mjs', { WEBHOOK_SECRET: endpoint.secret })
    await db`UPDATE webhook_endpoints SET url = ${example.url}`
    const post = async (body: string) =>
      (await fetch(example.url, { method: 'POST', headers: request.headers, body })).status

    t.equal(await post(request.body.replace('login.failed', 'login.locked')), 400)
    t.equal(await post(request.body), 204)
    t.equal(await post(request.body), 204)
    const [next] = await happen()
    await deliver(endpoint)
    t.match(await deliveryRows(db, endpoint.id), [{ status: 'delivered' }, { status: 'delivered' }])
    t.same(
      example.lines().filter((line) => line.includes('login.failed')).length,
      2,
      `${event.id} and ${next?.id ?? ''}, once each`,
    )
  },
)
