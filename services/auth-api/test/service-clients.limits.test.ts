// Attack: guesses without end, and a stranger's failures that lock a busy service out.
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { createFailedAttempts } from '@latchkey/auth-api/features/service-clients/failed-attempts'
import { eventsOf } from './support/accounts.js'
import { basicOf, newClient, postForm } from './support/service-clients.js'
import { createTestApp } from './support/test-app.js'

const max = 3
const shared = await createTestApp(t, { limitClientAddress: { max, windowSeconds: 60 } })
const { deps } = shared
const statusOf = async (authorization: string, ip: string): Promise<number> =>
  (await postForm(shared, '/introspect', { token: 'x' }, { authorization, ip })).status

t.test('failures are counted by address, and successes are not', async (t) => {
  const ip = '203.0.113.1'
  const client = await newClient(shared)
  const late = await newClient(shared)
  const wrong = basicOf(client.clientId, late.clientSecret)
  for (let turn = 0; turn < 4 * max; turn += 1) t.equal(await statusOf(client.basic, ip), 200)
  for (let turn = 0; turn < max; turn += 1) t.equal(await statusOf(wrong, ip), 401)

  const refused = await postForm(shared, '/introspect', { token: 'x' }, { authorization: wrong, ip })
  t.match(refused, {
    status: 429,
    body: { error: 'temporarily_unavailable' },
    headers: { 'ratelimit-limit': String(max) },
  })
  t.ok(Number(refused.headers['retry-after']) > 50)
  t.equal(await statusOf(client.basic, ip), 200, 'a secret that is known to be right is never limited')
  t.equal(await statusOf(late.basic, ip), 429, 'one that is not known yet is not looked up for this address')
  t.equal(await statusOf(late.basic, '203.0.113.2'), 200, 'another address')
  t.equal(await statusOf(late.basic, ip), 200, 'and known now')
  t.equal(await statusOf(basicOf('0197a1f9-0000-7000-8000-000000000001', client.clientSecret), ip), 429)

  await deps.events.whenIdle()
  const told = (await eventsOf(shared)).filter((event) => event.ip === ip).map(({ type }) => type)
  t.same(
    told.toSorted(), // two of one millisecond come in either order
    [...Array<string>(max).fill('client.authentication_failed'), 'rate_limit.exceeded'],
    'a bounded story',
  )
})

t.test('parallel failures do not outrun the count, on two instances neither', async (t) => {
  const ip = '203.0.113.3'
  const client = await newClient(shared)
  const twin = { ...shared, app: await buildApp(deps) }
  t.teardown(() => twin.app.close())
  const wrong = { authorization: basicOf(client.clientId, ''), ip }
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      postForm(index % 2 === 0 ? shared : twin, '/introspect', { token: 'x' }, wrong),
    ),
  )
  t.equal(answers.filter(({ status }) => status === 401).length, max)
  t.equal(answers.filter(({ status }) => status === 429).length, 40 - max)
})

t.test('an address is let in again when its window ends', async (t) => {
  let now = 0
  const failures = createFailedAttempts(deps.limits, () => now)
  const origin = { ip: '203.0.113.4', userAgent: null, requestId: 'r', traceId: null }
  for (let turn = 0; turn < max; turn += 1) await failures.count(origin)
  failures.assertMayTry(origin)
  await t.rejects(failures.count(origin), { code: 'rate_limited' })
  t.throws(() => failures.assertMayTry(origin), { code: 'rate_limited' })
  failures.assertMayTry({ ...origin, ip: '203.0.113.5' })
  now = 61_000
  failures.assertMayTry(origin)
})

t.test('an event that cannot be kept holds no answer up', async (t) => {
  const lines: unknown[] = []
  const app = await buildApp({
    ...deps,
    log: Object.assign(Object.create(deps.log) as typeof deps.log, {
      warn: (...line: unknown[]) => void lines.push(line),
    }),
    events: { ...deps.events, report: () => Promise.reject(new Error('nobody takes it')) },
  })
  t.teardown(() => app.close())
  const answer = await postForm({ app }, '/introspect', { token: 'x' }, { ip: '203.0.113.6' })
  t.equal(answer.status, 401)
  await waitFor(() => lines.length > 0, { what: 'the log line' })
  t.match(JSON.stringify(lines), 'could not be reported')
})
