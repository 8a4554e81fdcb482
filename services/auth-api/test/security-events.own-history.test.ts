// Attack: reading what happened to somebody else, where an administrator sits, or what is for operators; a cursor that was made up.
import type { OwnEvent, Session } from '@latchkey/contracts/http/answers'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import t from 'tap'
import { afterAll, decodeCursor, encodeCursor } from '@latchkey/auth-api/list-cursor'
import { ownEventsQuery } from '@latchkey/auth-api/features/security-events/queries'
import { shownData } from '@latchkey/auth-api/features/security-events/shown-events'
import { anotherPassword, newPerson, signIn, signUp } from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

// Without Redis every event goes through the outbox.
const app = await createTestApp(t, { redisUrl: null })
const { api, db, deps } = app

/** What the worker does once a second. */
const relay = () => relayOutbox({ sql: db, queue: null, revocations: deps.revocations, batch: 10_000 })

interface Page {
  events: OwnEvent[]
  nextCursor: string | null
}

async function readPage({ accessToken }: Session, query = ''): Promise<Page> {
  const { status, body } = await api('GET', `/events${query}`, { token: accessToken })
  if (status !== 200) throw new Error(`answered ${status}`)
  return body as unknown as Page
}

async function readAll(session: Session, limit: number): Promise<OwnEvent[]> {
  const events: OwnEvent[] = []
  let query = `?limit=${limit}`
  for (;;) {
    const page = await readPage(session, query)
    events.push(...page.events)
    if (page.nextCursor === null) return events
    t.equal(page.events.length, limit)
    query = `?limit=${limit}&cursor=${page.nextCursor}`
  }
}

interface WrittenEvent {
  userId: string
  actorId?: string
  type?: string
  ago?: string
  data?: Record<string, unknown>
}

async function writeEvent(event: WrittenEvent): Promise<string> {
  const id = newId()
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id, actor_id, ip, user_agent, data)
    VALUES (${id}, now() - ${event.ago ?? '0 seconds'}::text::interval, ${event.type ?? 'password.changed'}, 'notice', ${event.userId},
      ${event.actorId ?? null}, '203.0.113.9', 'Browser', ${JSON.stringify(event.data ?? {})}::text::jsonb)`
  return id
}

t.test('what happened to the account, newest first, as its owner may know it', async (t) => {
  const { email, ip } = newPerson()
  const stranger = newPerson().ip
  const first = await signUp(app, { email }, { ip })
  await api('POST', '/login', { body: { email, password: 'not the phrase of anyone' }, ip: stranger })
  const second = await signIn(
    app,
    { email, deviceName: 'Kitchen tablet' },
    { ip, headers: { 'user-agent': 'Tablet/1' } },
  )
  await api('POST', '/step-up', { token: second.accessToken, body: { password }, ip })
  await api('POST', '/refresh', { body: { refreshToken: second.refreshToken }, ip: stranger })
  const change = { currentPassword: password, newPassword: anotherPassword }
  await api('POST', '/change-password', { token: second.accessToken, body: change, ip })
  t.same((await readPage(second)).events, [], 'not before the worker has moved them')
  await relay()

  const { events, nextCursor } = await readPage(second)
  t.equal(nextCursor, null)
  t.match(events, [
    { type: 'session.revoked', sessionId: first.sessionId, data: { reason: 'password_changed' } },
    { type: 'password.changed', sessionId: second.sessionId, severity: 'notice', data: {} },
    {
      type: 'session.device_changed',
      data: { previousIp: ip, previousUserAgent: 'Tablet/1' },
      ipAddress: stranger,
    },
    { type: 'session.stepped_up', data: { method: 'pwd' } },
    {
      type: 'login.succeeded',
      sessionId: second.sessionId,
      ipAddress: ip,
      userAgent: 'Tablet/1',
      data: { amr: ['pwd'], deviceName: 'Kitchen tablet', newDevice: true },
    },
    { type: 'login.failed', sessionId: null, ipAddress: stranger, data: { reason: 'wrong_password' } },
    { type: 'login.succeeded', sessionId: first.sessionId, data: { amr: ['pwd'] } },
    { type: 'user.registered', ipAddress: ip, data: {} },
  ])
  for (const event of events) {
    t.same(Object.keys(event).toSorted(), [
      'data',
      'id',
      'ipAddress',
      'occurredAt',
      'sessionId',
      'severity',
      'type',
      'userAgent',
    ])
    t.equal(new Date(event.occurredAt).toISOString(), event.occurredAt)
  }
})

t.test('nobody else’s, no type and no field that is for operators', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  const other = await signUp(app, { email: newPerson().email })
  const userId = session.user.id
  await relay()
  const before = (await readPage(session)).events.length
  await writeEvent({ userId: other.user.id })
  for (const type of [
    'session.generation_recovered',
    'alert.raised',
    'admin.acted',
    'rate_limit.exceeded',
    'of.tomorrow',
  ])
    await writeEvent({ userId, type })
  const internal = { storedGeneration: 7, presentedGeneration: 5, score: 0.9 }
  const reuse = await writeEvent({ userId, type: 'session.reuse_detected', data: internal })
  const { events } = await readPage(session)
  t.equal(events.length, before + 1)
  t.match(events[0], { id: reuse, type: 'session.reuse_detected', ipAddress: '203.0.113.9' })
  t.same(events[0]?.data, {})
  t.same(shownData('of.tomorrow', internal), {}, 'nor by the list itself')
})

t.test('whence somebody else acted on the account is not told', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  const userId = session.user.id
  await writeEvent({ userId, actorId: newId(), type: 'session.revoked', data: { reason: 'client_revoked' } })
  await writeEvent({ userId, actorId: userId })
  const [own, others] = (await readPage(session)).events
  t.match(own, { ipAddress: '203.0.113.9', userAgent: 'Browser' })
  t.match(others, {
    type: 'session.revoked',
    ipAddress: null,
    userAgent: null,
    data: { reason: 'client_revoked' },
  })
})

t.test(
  'pages neither repeat nor leave out, whatever is of the same moment and whatever comes in between',
  async (t) => {
    const session = await signUp(app, { email: newPerson().email })
    const userId = session.user.id
    await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id)
    SELECT uuid_v7(), now() - (n / 4) * interval '1 microsecond', 'password.changed', 'notice', ${userId} FROM generate_series(1, 40) n`
    const expected = await db<{ id: string }[]>`
    SELECT id FROM security_events WHERE user_id = ${userId} ORDER BY occurred_at DESC, id DESC`
    for (const limit of [1, 3, 40, 100])
      t.same(
        (await readAll(session, limit)).map(({ id }) => id),
        expected.map(({ id }) => id),
        `by ${limit}`,
      )

    const first = await readPage(session, '?limit=10')
    await writeEvent({ userId })
    const second = await readPage(session, `?limit=10&cursor=${first.nextCursor}`)
    t.same(
      [...first.events, ...second.events].map(({ id }) => id),
      expected.slice(0, 20).map(({ id }) => id),
    )
    t.equal((await readPage(session)).events.length, 41, 'fifty without a limit')
  },
)

t.test('what is no cursor or limit is refused', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  const good = encodeCursor({ microseconds: 1_700_000_000_000_001n, id: newId() })
  t.same((await readPage(session, `?cursor=${good}`)).events, [])
  const bytes = Buffer.from(good, 'base64url')
  const altered = (change: (copy: Buffer) => void): string => {
    const copy = Buffer.from(bytes)
    change(copy)
    return copy.toString('base64url')
  }
  const cursors = [
    '',
    'x',
    good.slice(1),
    `${good}A`,
    `${good.slice(0, -1)}=`,
    'A'.repeat(1000),
    '%00'.repeat(32),
    altered((copy) => copy.writeBigInt64BE(-1n)),
    altered((copy) => copy.writeBigInt64BE(2n ** 63n - 1n)),
  ]
  const limits = ['0', '101', '-1', '1.5', '1e1', ' 1', '01', '2147483648', 'all', '']
  for (const query of [
    ...cursors.map((cursor) => `cursor=${cursor}`),
    ...limits.map((limit) => `limit=${limit}`),
    `cursor=${good}&cursor=${good}`,
    'limit=1&limit=2',
    'userId=someone',
  ]) {
    const answer = await api('GET', `/events?${query}`, { token: session.accessToken })
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, query.slice(0, 60))
  }
  t.equal((await api('GET', '/events')).body['code'], 'token_missing')
  t.same(decodeCursor(encodeCursor(afterAll)), afterAll)
})

t.test('a page costs a look into the index, of the partitions that can hold it', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  const userId = session.user.id
  await db`SELECT create_security_events_partition(now() - interval '2 months'), create_security_events_partition(now() - interval '1 month')`
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id)
    SELECT uuid_v7(), now() - (n / 50) * interval '1 hour', 'login.succeeded', 'info', gen_random_uuid() FROM generate_series(1, 60000) n`
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id)
    SELECT uuid_v7(), now() - n * interval '1 hour', 'login.succeeded', 'info', ${userId} FROM generate_series(1, 1200) n`
  await db`ANALYZE security_events`
  const lookedAt = async (agoDays: number) => {
    const before = { microseconds: BigInt(Date.now() - agoDays * 86_400_000) * 1000n, id: newId() }
    const types = ['login.succeeded']
    const lines = await db<{ queryPlan: string }[]>`
      EXPLAIN (ANALYZE, TIMING OFF) ${ownEventsQuery(db, { userId, types, before, limit: 51 })}`
    return (
      lines
        .map(Object.values)
        .join('\n')
        .match(/Scan.* on security_events_\d.*/g) ?? []
    )
  }
  const scans = await lookedAt(0)
  t.ok(scans.length >= 3, scans.join('\n'))
  for (const scan of scans) {
    t.match(scan, /^Scan Backward using/, 'in the order of the page')
    t.match(scan, /user_id_occurred_at_idx|actual rows=0/, 'by user, or of a partition that is empty')
    t.ok(Number(/actual rows=(\d+)/.exec(scan)?.[1]) <= 60, `reads no more than the page: ${scan}`)
  }
  t.ok((await lookedAt(45)).length < scans.length, 'partitions after the position are left out')
})
