// Attack: a receiver that is away, slow, lying or hostile, so that what happened is not told, is told to somebody else, comes twice, or keeps
// others from being told.
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createOutbound } from '@latchkey/platform/outbound/outbound'
import { deliverWebhooks } from '@latchkey/worker/jobs/deliver-webhooks/deliver-webhooks'
import { relayWebhooks } from '@latchkey/worker/jobs/deliver-webhooks/relay-webhooks'
import { nextTrySeconds, readRetryAfter } from '@latchkey/worker/webhooks/delivery-schedule'
import { createTestDeps } from './support/test-deps.js'
import {
  createWebhookRoom,
  deliveryRows,
  endpointState,
  insertEndpoint,
  moveWebhookClock,
  startReceiver,
} from './support/webhooks.js'

const { signal } = new AbortController()
const { answer, db, deliver, deps, happen, insertHere, lines, receiver } = await createWebhookRoom(t)
const { keyring } = deps

t.test('what fails is tried again under the same id, ever later, until it is dead', async (t) => {
  const endpoint = await insertHere()
  const [event] = await happen()
  answer(500)
  await deliver(endpoint)
  await deliver(endpoint)
  t.equal(receiver.received.length, 1, 'not before it is due')
  const [row] = await deliveryRows(db, endpoint.id)
  t.match(row, { status: null, attempts: 1, reason: 'status 500' })
  t.ok(row !== undefined && row.dueIn > 8 && row.dueIn <= 11)
  for (let tries = 2; tries <= 8; tries++) {
    await db`UPDATE webhook_deliveries SET due_at = now()`
    await db`UPDATE webhook_endpoints SET paused_until = NULL`
    await deliver(endpoint)
  }
  t.match(await deliveryRows(db, endpoint.id), [{ status: 'dead', attempts: 8, reason: 'status 500' }])
  t.same(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])), new Set([event?.id]))
  t.ok(lines.some(({ level, msg }) => level === 'error' && /given up until it is replayed/.test(msg)))
  t.match(await deps.metrics.registry.metrics(), 'webhook_deliveries_total{status="dead"} 1')
})

t.test(
  'the pauses between tries take a day together, with jitter, and no receiver puts us off for longer',
  async (t) => {
    const pauses = [1, 2, 3, 4, 5, 6, 7].map((failures) => nextTrySeconds(failures, 0, () => 0.5))
    t.same(pauses, [10, 60, 300, 1800, 7200, 21_600, 43_200])
    t.equal(nextTrySeconds(8, 0), null)
    t.equal(
      nextTrySeconds(1, 0, () => 0),
      9,
    )
    t.equal(
      nextTrySeconds(1, 120, () => 0),
      120,
    )
    for (let run = 0; run < 20; run++) t.ok(Math.abs((nextTrySeconds(2, 0) ?? 0) - 60) <= 6)
    const now = Date.parse('2026-01-01T00:00:00Z')
    const read = (header: string | null) => readRetryAfter(header, now)
    t.same(
      [
        null,
        '30',
        'Thu, 01 Jan 2026 00:01:00 GMT',
        'Wed, 31 Dec 2025 00:00:00 GMT',
        '999999999',
        '-5',
        'soon',
        '',
      ].map(read),
      [0, 30, 60, 0, 3600, 0, 0, 0],
    )
  },
)

t.test('a receiver may ask for patience', async (t) => {
  const endpoint = await insertHere()
  await happen(12)
  answer(429, { 'retry-after': '120' })
  await deliver(endpoint)
  t.ok(receiver.received.length <= 5, 'only what was under way')
  const state = await endpointState(db, endpoint.id)
  t.ok(state !== undefined && state.pausedFor !== null && state.pausedFor > 100)
  await deliver(endpoint)
  t.ok(receiver.received.length <= 5, 'and nothing before the time has passed')
  answer(204)
  await moveWebhookClock(db, 121)
  await deliver(endpoint)
  t.ok((await deliveryRows(db, endpoint.id)).every(({ status }) => status === 'delivered'))
  t.match(await endpointState(db, endpoint.id), { failures: 0, pausedFor: null })
})

t.test('whatever a receiver does with a request, it fails in time', async (t) => {
  const endpoint = await insertHere()
  const bring = {
    outbound: createOutbound({ allowedNetworks: ['127.0.0.1'], timeoutMs: 200, maxBytes: 1000 }),
  }
  let elsewhere = 0
  const behaviours: [reason: RegExp, behave: typeof receiver.onRequest][] = [
    [/no whole answer in 200 ms/, () => undefined],
    [/no whole answer in 200 ms/, (_, response) => void response.writeHead(200).write('x')],
    [/more than 1000 bytes/, (_, response) => void response.writeHead(200).end('x'.repeat(2000))],
    [
      /^status 302$/,
      ({ path }, response) => {
        if (path !== '/hook') elsewhere += 1
        response.writeHead(302, { location: '/elsewhere' }).end()
      },
    ],
    [/^status 404$/, (_, response) => void response.writeHead(404).end()],
    [/socket hang up|ECONNRESET/, (_, response) => void response.destroy()],
  ]
  for (const [reason, behave] of behaviours) {
    receiver.onRequest = behave
    await db`DELETE FROM webhook_deliveries`
    await db`UPDATE webhook_endpoints SET paused_until = NULL, failures = 0`
    await happen()
    await deliver(endpoint, bring)
    t.match(await deliveryRows(db, endpoint.id), [{ status: null, attempts: 1, reason }])
  }
  t.equal(elsewhere, 0)
})

t.test('an address that has become private since it was typed in is not asked', async (t) => {
  const endpoint = await insertHere()
  await happen()
  await deliver(endpoint, { outbound: createOutbound({ allowedNetworks: [] }) })
  t.equal(receiver.received.length, 0)
  t.match(await deliveryRows(db, endpoint.id), [{ attempts: 1, reason: /not in a public network/ }])
})

t.test('an endpoint that is away is asked by one request at a time, at growing intervals', async (t) => {
  const endpoint = await insertHere()
  await happen(40)
  answer(503)
  await deliver(endpoint)
  t.ok(receiver.received.length >= 5 && receiver.received.length <= 9, `${receiver.received.length} requests`)
  const pauses: number[] = []
  for (let probe = 0; probe < 12; probe++) {
    const before = receiver.received.length
    await deliver(endpoint)
    t.equal(receiver.received.length, before, 'paused')
    const { pausedFor = 0 } = (await endpointState(db, endpoint.id)) ?? {}
    pauses.push(Math.round(pausedFor ?? 0))
    await moveWebhookClock(db, (pausedFor ?? 0) + 1)
    await deliver(endpoint)
    t.equal(receiver.received.length, before + 1, 'one asks')
  }
  t.same(pauses.slice(0, 5), [10, 20, 40, 80, 160])
  t.equal(pauses.at(-1), 3600)

  answer(200)
  await db`UPDATE webhook_endpoints SET paused_until = NULL`
  await db`UPDATE webhook_deliveries SET due_at = now()`
  await deliver(endpoint)
  t.ok(
    (await deliveryRows(db, endpoint.id)).every(({ status }) => status === 'delivered'),
    'nothing was lost',
  )
  t.match(await endpointState(db, endpoint.id), { failures: 0, pausedFor: null, disabledReason: null })
})

t.test(
  'after a day of nothing but failures an endpoint is disabled, and what waits is sent when it is enabled',
  async (t) => {
    const endpoint = await insertHere()
    await happen(2)
    answer(500)
    await deliver(endpoint)
    await moveWebhookClock(db, 24 * 3600 + 10)
    await deliver(endpoint)
    t.match(await endpointState(db, endpoint.id), { disabledReason: 'failing' })
    const [told] = await db`SELECT severity, data FROM outbox WHERE type = 'webhook.disabled'`
    const host = new URL(receiver.url).host
    t.same(told, { severity: 'critical', data: { webhookId: endpoint.id, host, reason: 'failing' } })
    t.ok(lines.some(({ level, msg }) => level === 'error' && /webhook is disabled/.test(msg)))
    const before = receiver.received.length
    await happen()
    answer(200)
    await deliver(endpoint)
    t.equal(receiver.received.length, before)
    await db`UPDATE webhook_endpoints SET disabled_at = NULL, disabled_reason = NULL, failures = 0, paused_until = NULL`
    await db`UPDATE webhook_deliveries SET due_at = now()`
    await deliver(endpoint)
    t.match(await deliveryRows(db, endpoint.id), [{ status: 'delivered' }, { status: 'delivered' }])
  },
)

t.test('who answers 410 is sent nothing more', async (t) => {
  const endpoint = await insertHere()
  await happen()
  answer(410)
  await deliver(endpoint)
  t.match(await endpointState(db, endpoint.id), { disabledReason: 'gone' })
  t.match(await deliveryRows(db, endpoint.id), [{ status: 'dead', reason: 'status 410' }])
})

t.test('several at one endpoint: each delivery once, and five requests at once at most', async (t) => {
  const endpoint = await insertHere()
  const events = await happen(100)
  receiver.onRequest = async (_, response) => {
    await new Promise(setImmediate)
    response.writeHead(200).end()
  }
  await Promise.all(Array.from({ length: 4 }, () => deliver(endpoint)))
  await deliver(endpoint)
  t.equal(receiver.received.length, events.length)
  t.ok(receiver.mostAtOnce() <= 5, `${receiver.mostAtOnce()} at once`)
})

t.test('a slow endpoint holds up no other, nor what happens meanwhile', async (t) => {
  const slow = await startReceiver(t)
  const held: (() => void)[] = []
  slow.onRequest = (_, response) => void held.push(() => void response.writeHead(200).end())
  await insertEndpoint(db, keyring, slow.url)
  const quick = await insertHere()
  await happen(20)
  const relaying = relayWebhooks(deps, signal)
  const allHeard = async () =>
    (await deliveryRows(db, quick.id)).every(({ status }) => status === 'delivered')
  await waitFor(allHeard, { what: 'the quick one to have heard of everything' })
  await happen(2)
  await waitFor(allHeard, { what: 'the quick one to hear of what has happened since' })
  t.ok(slow.received.length <= 5)
  slow.onRequest = (_, response) => void response.writeHead(200).end()
  for (const letGo of held) letGo()
  await relaying
  t.equal(slow.received.length, 22)
})

t.test(
  'a worker that died blocks an endpoint for half a minute, and one that comes back late says nothing',
  async (t) => {
    const endpoint = await insertHere()
    await happen()
    await db`UPDATE webhook_endpoints SET leased_until = now() + interval '30 seconds', leases = leases + 1`
    await relayWebhooks(deps, signal)
    t.equal(receiver.received.length, 0)
    await moveWebhookClock(db, 31)
    await relayWebhooks(deps, signal)
    t.equal(receiver.received.length, 1)
    const [row] = await db`SELECT leased_until FROM webhook_endpoints WHERE id = ${endpoint.id}`
    t.equal(row?.['leasedUntil'], null, 'the lease is given back')
  },
)

t.test('a shutdown lets what is under way come to its end, and starts nothing more', async (t) => {
  const endpoint = await insertHere()
  await happen(20)
  const stopping = new AbortController()
  receiver.onRequest = (_, response) => {
    stopping.abort()
    response.writeHead(200).end()
  }
  await deliverWebhooks(deps, endpoint.id, stopping.signal)
  const settled = (await deliveryRows(db, endpoint.id)).filter(({ status }) => status === 'delivered')
  t.equal(settled.length, receiver.received.length)
  t.ok(settled.length <= 5)
})

t.test('PostgreSQL does not answer right after a receiver has: the event does not come twice', async (t) => {
  const endpoint = await insertHere()
  await happen()
  const isTold = () => lines.some(({ msg }) => /webhook was sent, and PostgreSQL is away/.test(msg))
  let isOver = Promise.resolve()
  receiver.onRequest = async (_, response) => {
    isOver = db.begin(async (transaction) => {
      await transaction`LOCK TABLE webhook_deliveries IN EXCLUSIVE MODE`
      response.writeHead(200).end()
      await waitFor(isTold, { what: 'the outage to be noticed', deadlineMs: 9000 })
    })
  }
  const { deps: impatient } = await createTestDeps(
    t,
    {
      redisUrl: null,
      dbStatementTimeoutMs: 300,
      outboundAllowedNetworks: ['127.0.0.1'],
      databaseUrl: deps.config.databaseUrl,
      databaseUrlTransaction: deps.config.databaseUrlTransaction,
    },
    {},
  )
  await deliver(endpoint, { sql: impatient.sql })
  await isOver
  t.match(await deliveryRows(db, endpoint.id), [{ status: 'delivered' }])
  t.equal(receiver.received.length, 1)
})
