// Attack: what is searched for as a pattern, a cursor that was made up, a list that takes the database down.
import { eventsQuery, findEndOfEvents } from '@latchkey/auth-api/features/admin/events/queries'
import {
  findEndOfUsers,
  listUsersQuery,
  type UserList,
} from '@latchkey/auth-api/features/admin/users/queries'
import { liveSessionsQuery } from '@latchkey/auth-api/features/sessions/listing/queries'
import { afterAll } from '@latchkey/auth-api/list-cursor'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import t from 'tap'
import { newPerson, signUp } from './support/accounts.js'
import { listsOf } from './support/admin-lists.js'
import { newOperator } from './support/admins.js'
import { createTestApp } from './support/test-app.js'

// Without Redis every event goes through the outbox.
const testApp = await createTestApp(t, { redisUrl: null })
const { db, deps } = testApp
const auditor = await newOperator(testApp, ['user', 'auditor'])
const admin = await newOperator(testApp)

const { read, idsOf } = listsOf(auditor)
const relay = () => relayOutbox({ sql: db, queue: null, revocations: deps.revocations, batch: 10_000 })

t.test('users, newest first, page by page, none twice and none left out', async (t) => {
  await db`
    INSERT INTO users (id, email, created_at)
    SELECT uuid_v7(), 'page-' || n || '@example.com', '2020-01-01'::timestamptz + (n / 4) * interval '1 microsecond'
    FROM generate_series(1, 40) n`
  const expected = await db<{ id: string }[]>`SELECT id FROM users ORDER BY created_at DESC, id DESC`
  for (const limit of ['1', '3', '100'])
    t.same(
      await idsOf('/users', { limit }),
      expected.map(({ id }) => id),
      `by ${limit}`,
    )
  const ofThatDay = { createdFrom: '2020-01-01T00:00:00Z', createdTo: '2020-01-02T00:00:00Z' }
  t.equal((await idsOf('/users', { ...ofThatDay, limit: '7' })).length, 40)
  t.same(await idsOf('/users', { createdTo: '2020-01-01T00:00:00Z' }), [], 'the end is not included')
  t.equal((await idsOf('/users', { createdTo: '2020-01-01T00:00:00.001Z' })).length, 40)
})

t.test('users by what they are', async (t) => {
  const userType = 'kept-bees'
  const [plain, teacher, disabled] = await Promise.all(
    [1, 2, 3].map(() => signUp(testApp, { email: newPerson().email, userType })),
  )
  await admin.call('PATCH', `/users/${teacher?.user.id}`, { roles: ['user', 'teacher'], emailVerified: true })
  await admin.call('PATCH', `/users/${disabled?.user.id}`, { status: 'disabled' })
  const find = async (filter: Record<string, string>) =>
    (await idsOf('/users', { userType, ...filter })).toSorted()
  const idsFrom = (...people: (typeof plain)[]) => people.map((one) => String(one?.user.id)).toSorted()
  t.same(await find({}), idsFrom(plain, teacher, disabled))
  t.same(await find({ role: 'user' }), idsFrom(plain, teacher, disabled))
  t.same(await find({ role: 'teacher' }), idsFrom(teacher))
  t.same(await find({ role: 'teach' }), [])
  t.same(await find({ status: 'disabled' }), idsFrom(disabled))
  t.same(await find({ status: 'enabled' }), idsFrom(plain, teacher))
  t.same(await find({ emailVerified: 'true' }), idsFrom(teacher))
  t.same(await find({ emailVerified: 'false', status: 'enabled' }), idsFrom(plain))
})

t.test('a search takes what is searched for as text', async (t) => {
  const names = [
    '.*(',
    '100%_sure',
    'a\\b',
    "O'Hara; DROP TABLE users",
    '[x',
    'Ñandú Ärger',
    '李雷',
    '\u{1F511} key',
  ]
  const users = await Promise.all(
    names.map(async (name, index) => {
      const email = `Seek.${index}%+_x@search.example`
      const { user } = await signUp(testApp, { email, name, username: `seek_${index}.-` })
      return user
    }),
  )
  for (const [index, name] of names.entries()) {
    t.same(await idsOf('/users', { q: name }), [users[index]?.id], name)
    t.same(await idsOf('/users', { q: name.slice(0, 3).toLowerCase() }), [users[index]?.id], `begins ${name}`)
    t.same(await idsOf('/users', { q: `  seek.${index}%+_X@` }), [users[index]?.id])
    t.same(await idsOf('/users', { q: `SEEK_${index}.` }), [users[index]?.id])
  }
  for (const q of [
    '%',
    '_',
    '%@search',
    'eek.',
    '\\',
    "'",
    '(',
    '*',
    'seek_%',
    '\u{10FFFF}',
    'x'.repeat(254),
  ])
    t.same(await idsOf('/users', { q }), [], q.slice(0, 20))
  t.equal((await idsOf('/users', { q: 'seek', limit: '3' })).length, names.length)
  t.same(await idsOf('/users', { q: 'seek', createdTo: '2020-01-01T00:00:00Z' }), [])
  t.ok((await idsOf('/users', { q: ' ' })).length > names.length, 'nothing to search for')
  await db`
    INSERT INTO trait_values (user_id, name, value, is_unique, is_searchable)
    VALUES (${users[0]?.id ?? ''}, 'pan', 'abcpe1234f', true, true), (${users[1]?.id ?? ''}, 'pin', 'abcpe1234g', true, false)`
  t.same(await idsOf('/users', { q: 'ABCPE12' }), [users[0]?.id], 'searchable traits, and no others')
})

t.test('the security log, by user, type, severity, address and time', async (t) => {
  const userId = newId()
  const write = (fields: { type: string; severity: string; ip: string; at: string; userId?: string }) => db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id, ip, data)
    VALUES (uuid_v7(), ${fields.at}::text::timestamptz, ${fields.type}, ${fields.severity}, ${fields.userId ?? null}, ${fields.ip}::inet, '{"n": 1}')`
  const failed = { type: 'login.failed', severity: 'notice', ip: '2001:db8::7' }
  await write({ ...failed, at: '2021-05-01T10:00:00.000001Z', userId })
  await write({ ...failed, at: '2021-05-01T10:00:00.000002Z' })
  await write({
    ...failed,
    type: 'session.reuse_detected',
    severity: 'critical',
    at: '2021-05-01T10:00:01Z',
    userId,
  })
  await write({ ...failed, ip: '192.0.2.77', at: '2021-05-02T00:00:00Z', userId })
  const day = { from: '2021-05-01T00:00:00Z', to: '2021-05-02T00:00:00Z' }
  const count = async (filter: Record<string, string>) =>
    (await idsOf('/events', { limit: '2', ...filter })).length
  t.equal(await count(day), 3, 'the end is not included')
  t.equal(await count({ ...day, type: 'login.failed' }), 2)
  t.equal(await count({ userId }), 3)
  t.equal(await count({ userId, type: 'login.failed' }), 2)
  t.equal(await count({ userId, severity: 'critical' }), 1)
  t.equal(await count({ ...day, severity: 'critical' }), 1)
  t.equal(await count({ ip: '2001:DB8:0::7' }), 3, 'an address however it is written')
  t.equal(await count({ ip: '::ffff:192.0.2.77' }), 1)
  t.equal(await count({ to: '2021-05-01T10:00:00.000Z' }), 0)
  const [event] = (await read('/events', { userId })).events
  t.match(event, { type: 'login.failed', userId, actorId: null, ipAddress: '192.0.2.77', data: { n: 1 } })
  t.equal(event?.occurredAt, '2021-05-02T00:00:00.000Z')

  await relay()
  const { events } = await read('/events', { type: 'user.registered', limit: '1' })
  t.ok(events[0]?.requestId)
})

t.test('what is no cursor, time, address or filter is refused', async (t) => {
  for (const query of [
    'users?cursor=x',
    'sessions?cursor=x',
    'events?cursor=x',
    'users?limit=0',
    'users?limit=101',
    'users?role=Admin',
    'users?status=gone',
    'users?emailVerified=1',
    'users?createdFrom=yesterday',
    'users?createdFrom=1969-01-01T00:00:00Z',
    'users?q=',
    'users?q=a&q=b',
    `users?q=${'x'.repeat(255)}`,
    'users?sort=email',
    'events?ip=1.2.3',
    'events?ip=1.2.3.0/24',
    'events?type=of.tomorrow',
    'events?severity=high',
    'events?userId=1',
    'events?to=2016-12-31T23:59:60Z',
    'sessions?userId=1',
  ]) {
    const answer = await auditor.call('GET', `/${query}`)
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, query.slice(0, 50))
  }
  t.equal((await auditor.call('GET', '/users?q=%00')).status, 400, 'no text of PostgreSQL')
})

type ListQuery = ReturnType<typeof listUsersQuery | typeof eventsQuery | typeof liveSessionsQuery>

t.test('a page costs a bounded walk along an index, at any size', async (t) => {
  await db`
    INSERT INTO users (id, email, name, created_at)
    SELECT uuid_v7(), 'many-' || n || '@example.com', 'Many ' || n, now() - n * interval '1 second' FROM generate_series(1, 50000) n`
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity)
    SELECT uuid_v7(), now() - n * interval '1 second', 'login.succeeded', 'info' FROM generate_series(1, 50000) n`
  await db`ANALYZE users`
  await db`ANALYZE security_events`
  const planOf = async (query: ListQuery): Promise<string> => {
    const lines = await db<{ queryPlan: string }[]>`EXPLAIN (ANALYZE, TIMING OFF) ${query}`
    return lines.map(Object.values).join('\n')
  }
  const all: UserList = {
    before: afterAll,
    since: null,
    search: null,
    role: null,
    userType: null,
    isEnabled: null,
    isVerified: null,
  }
  const events = { before: afterAll, since: null, userId: null, type: null, severity: null, ip: null }
  const sessions = { before: afterAll, userId: null, role: null, lifetimes: deps.config, walkedRows: 100 }
  for (const [query, index] of [
    [listUsersQuery(db, all, 51), 'users_created_at_idx'],
    [listUsersQuery(db, { ...all, userType: 'nobody' }, 51), 'users_created_at_idx'],
    [listUsersQuery(db, { ...all, role: 'admin' }, 51), 'users_with_roles_idx'],
    [listUsersQuery(db, { ...all, isEnabled: false }, 51), 'users_disabled_idx'],
    [listUsersQuery(db, { ...all, search: 'many-123' }, 51), 'users_name_prefix_idx'],
    [listUsersQuery(db, { ...all, search: 'many-123' }, 51), 'users_email_prefix_idx'],
    [eventsQuery(db, events, 51), /Backward using security_events_\d+_\d+_pkey/],
    [
      eventsQuery(db, { ...events, type: 'csrf.rejected' }, 51),
      /Backward using security_events_\d+_\d+_type_occurred_at_idx/,
    ],
    [
      eventsQuery(db, { ...events, ip: '192.0.2.1', type: 'login.succeeded' }, 51),
      /Backward using security_events_\d+_\d+_ip_occurred_at_idx/,
    ],
    [
      eventsQuery(db, { ...events, type: 'login.succeeded', severity: 'notice' }, 51),
      /Backward using security_events_\d+_\d+_(?:pkey|type_occurred_at_idx)/,
    ],
    [eventsQuery(db, { ...events, severity: 'critical' }, 51), /security_events_\d+_\d+_occurred_at_id_idx/],
    [liveSessionsQuery(db, { ...sessions, userId: newId() }, 51), 'sessions_user_id_idx'],
  ] as const) {
    const plan = await planOf(query)
    t.match(plan, index)
    t.notMatch(plan, 'Seq Scan on users')
    for (const [, rows] of plan.matchAll(/actual rows=(\d+)/g)) t.ok(Number(rows) <= 20_001, plan)
  }
  // Nobody fits: three empty pages, and then the end.
  const first = await read('/users', { userType: 'nobody' })
  t.same(first.users, [])
  t.not(first.nextCursor, null)
  t.same(await idsOf('/users', { userType: 'nobody' }), [])
  t.same(await idsOf('/events', { type: 'csrf.rejected' }), [])
  t.not(await findEndOfUsers(db, all), null)
  t.not(await findEndOfEvents(db, events), null)
})
