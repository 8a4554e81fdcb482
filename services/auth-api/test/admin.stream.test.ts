// Attack: looking on without the role, after the session has ended, or in such numbers that nobody else is served.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { newOperator, type Operator } from './support/admins.js'
import { newPerson, signUp } from './support/accounts.js'
import { createTestApp } from './support/test-app.js'

// Without Redis every event goes through the outbox.
const testApp = await createTestApp(t, { redisUrl: null })
const { api, app, db, deps } = testApp
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const admin = await newOperator(testApp)
const auditor = await newOperator(testApp, ['user', 'auditor'])
const { revocations } = deps
const mostViewers = 50

interface Message {
  event: string
  id: string | undefined
  data: Record<string, unknown>
}

interface Onlooker {
  messages: Message[]
  hasEnded: () => boolean
  leave: () => void
}

async function store(): Promise<void> {
  await relayOutbox({ sql: db, queue: null, revocations, batch: 1000 })
}

async function ask(token: string | null, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const request = get(`${url}/api/v1/admin/stream`, {
    agent: false,
    headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
  })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  answer.on('error', () => undefined) // it is broken off, by us
  return answer
}

async function status(token: string | null, headers: Record<string, string> = {}): Promise<number> {
  const answer = await ask(token, headers)
  answer.destroy()
  return answer.statusCode ?? 0
}

async function lookOn({ session }: Operator, lastEventId?: string): Promise<Onlooker> {
  const answer = await ask(
    session.accessToken,
    lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  )
  if (answer.statusCode !== 200) throw new Error(`the stream answered ${answer.statusCode}`)
  const messages: Message[] = []
  let text = ''
  answer.setEncoding('utf8').on('data', (part: string) => {
    const blocks = (text + part).split('\n\n')
    text = blocks.pop() ?? ''
    messages.push(...blocks.flatMap(readMessage))
  })
  return {
    messages,
    hasEnded: () => answer.readableEnded || answer.destroyed,
    leave: () => void answer.destroy(),
  }
}

function readMessage(block: string): Message[] {
  const fields = new Map(
    block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
  )
  const data = fields.get('data')
  if (data === undefined) return [] // a comment
  const parsed = JSON.parse(data) as Record<string, unknown>
  return [{ event: fields.get('event') ?? '', id: fields.get('id'), data: parsed }]
}

const typesOf = ({ messages }: Onlooker): unknown[] =>
  messages.filter(({ event }) => event === 'security-event').map(({ data }) => data['type'])

t.test('admins and auditors see what happens as it happens, and others nothing', async (t) => {
  const person = newPerson()
  await signUp(testApp, { email: person.email })
  await store()
  const onlookers = [await lookOn(admin), await lookOn(auditor)]
  await api('POST', '/login', { body: { email: person.email, password: 'not the one' } })
  const startedAt = performance.now()
  await store()
  for (const onlooker of onlookers) {
    await waitFor(() => typesOf(onlooker).length > 0, { what: 'the event', deadlineMs: 5000 })
    t.same(typesOf(onlooker), ['login.failed'], 'and nothing of before')
    await waitFor(() => onlooker.messages.some(({ event }) => event === 'stats'), {
      what: 'statistics',
      deadlineMs: 5000,
    })
    t.match(onlooker.messages[0], { event: 'stats', data: { admins: 1 } })
    const told = onlooker.messages.find(({ event }) => event === 'security-event')
    t.match(told, { id: /^\d+$/, data: { ipAddress: '127.0.0.1', severity: 'notice', occurredAt: /Z$/ } })
    onlooker.leave()
  }
  t.ok(performance.now() - startedAt < 3000)
  const { accessToken } = await signUp(testApp, { email: newPerson().email })
  t.equal(await status(accessToken), 403)
  t.equal(await status(null), 401)
  t.equal(await status(admin.session.accessToken, { 'last-event-id': '1 or 1=1' }), 400)
})

t.test('who comes back is told what was missed, once and in order, or that it was too much', async (t) => {
  await store()
  const first = await lookOn(admin)
  const person = newPerson()
  await signUp(testApp, { email: person.email })
  await store()
  await waitFor(() => typesOf(first).length > 0, { what: 'the events', deadlineMs: 5000 })
  first.leave()
  const { id } = first.messages.findLast(({ event }) => event === 'security-event') ?? {}
  const seen = typesOf(first)
  for (let turn = 0; turn < 3; turn += 1)
    await api('POST', '/login', { body: { email: person.email, password: `wrong ${turn}` } })
  await store()
  const second = await lookOn(admin, id)
  await waitFor(() => typesOf(second).includes('login.failed'), { what: 'what was missed', deadlineMs: 5000 })
  const all = [...seen, ...typesOf(second)].map(String)
  t.same(all.toSorted(), [
    'login.failed',
    'login.failed',
    'login.failed',
    'login.succeeded',
    'user.registered',
  ])
  const places = second.messages.flatMap((message) => message.id ?? []).map(Number)
  t.same(
    places,
    places.toSorted((one, other) => one - other),
  )
  second.leave()

  // Of another database, as after a restore: a place that is not there yet.
  const lost = await lookOn(admin, '999999999')
  await waitFor(() => lost.messages.length > 0, { what: 'an answer', deadlineMs: 5000 })
  t.match(lost.messages[0], { event: 'gap' })
  lost.leave()
})

t.test('the stream ends with the session, and with the role', async (t) => {
  const operators = [await newOperator(testApp), await newOperator(testApp, ['user', 'auditor'])] as const
  const onlookers = [await lookOn(operators[0]), await lookOn(operators[1])]
  const other = await lookOn(auditor)
  await api('POST', '/logout', { token: operators[0].session.accessToken })
  await db`UPDATE users SET roles = '{user}' WHERE id = ${operators[1].userId}`
  await waitFor(() => onlookers.every((onlooker) => onlooker.hasEnded()), {
    what: 'the ends',
    deadlineMs: 10_000,
  })
  t.notOk(other.hasEnded(), 'and no other does, however long it lasts')
  other.leave()
})

t.test('there are no more than a process serves, and a restart waits for none of them', async (t) => {
  const onlookers: Onlooker[] = []
  const openMore = async (): Promise<boolean> => {
    const attempts = await Promise.allSettled(Array.from({ length: mostViewers + 5 }, () => lookOn(auditor)))
    for (const attempt of attempts) if (attempt.status === 'fulfilled') onlookers.push(attempt.value)
    return onlookers.length >= mostViewers
  }
  await waitFor(openMore, { what: 'those of before to be gone', deadlineMs: 5000 })
  t.equal(onlookers.length, mostViewers)
  t.equal(await status(auditor.session.accessToken), 503)
  const unversioned = await api('GET', '/api/admin/stream', { token: auditor.session.accessToken })
  t.equal(unversioned.status, 503, 'nor by another spelling')
  onlookers[0]?.leave()
  await waitFor(async () => (await status(auditor.session.accessToken)) === 200, {
    what: 'a place',
    deadlineMs: 5000,
  })

  const startedAt = performance.now()
  await app.close()
  t.ok(performance.now() - startedAt < 3000)
  await waitFor(() => onlookers.every((onlooker) => onlooker.hasEnded()), {
    what: 'the ends',
    deadlineMs: 5000,
  })
})
