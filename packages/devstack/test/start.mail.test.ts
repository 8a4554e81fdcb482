/** From a stolen token to the mail that its owner reads, and from there to the last mail of all: with `npm start`, and mails as files. */
// Alone: it changes its process.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { readEveryKey, readEveryTable } from './support/everything-kept.js'
import { runStart } from './support/run-start.js'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const person = { email: 'ada@example.com', password: 'violet kettle orbits slowly' }

const folder = t.testdir()
const { url: databaseUrl, owner: db } = await createTestDatabase(t, { isEmpty: true })
const env = {
  DATABASE_URL: databaseUrl,
  REDIS_URL: process.env['LATCHKEY_TEST_REDIS_URL'] ?? '',
  REDIS_KEY_PREFIX: redisPrefix(t),
  REFRESH_GRACE_SECONDS: '0',
  REFRESH_RECOVERY_SECONDS: '0',
  TRUST_PROXY: '127.0.0.1/32',
}
const start = runStart(t, folder, { env })
const url = await start.untilReady()

async function call(
  method: 'DELETE' | 'GET' | 'PATCH' | 'POST',
  path: string,
  body: object | null,
  headers: Record<string, string>,
): Promise<Record<string, unknown>> {
  const answer = await fetch(`${url}/api/v1/auth/${path}`, {
    method,
    headers: { ...headers, ...(body !== null && { 'content-type': 'application/json' }) },
    ...(body !== null && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, ...(text !== '' && (JSON.parse(text) as object)) }
}

const post = (path: string, body: object, headers: Record<string, string>) =>
  call('POST', path, body, headers)

const mails = join(folder, '.latchkey/mail')
const mailsOf = (template: string): string[] =>
  existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith(`.${template}.eml`)) : []
const mailArrives = (template: string): Promise<unknown> =>
  waitFor(() => mailsOf(template).length > 0, { what: `the mail ${template}`, deadlineMs: 15_000 })

t.test('a new device and a token that is used twice: one mail each to the owner', async (t) => {
  t.match(start.output(), /Mail +kept in \.latchkey\/mail, as \.eml files/)

  const { refreshToken } = await post('register', person, { 'user-agent': firefox })
  await post('login', person, { 'user-agent': firefox })
  const stolen = await post('login', { ...person, deviceName: 'Phone' }, { 'user-agent': safari })
  await mailArrives('new-device')
  t.match(
    readFileSync(join(mails, mailsOf('new-device')[0] ?? ''), 'utf8'),
    /^To: ada@example\.com\r?$[^]+Device: Phone/m,
  )

  await post('refresh', { refreshToken: stolen['refreshToken'] }, { 'idempotency-key': 'owner' })
  const thief = await post(
    'refresh',
    { refreshToken: stolen['refreshToken'] },
    { 'idempotency-key': 'thief' },
  )
  t.match(thief, { code: 'refresh_token_reused' })
  await mailArrives('session-reuse')

  t.match(
    await post('refresh', { refreshToken }, {}),
    { sessionId: String },
    'the other device stays signed in',
  )
  t.equal(mailsOf('new-device').length, 1)
  t.equal(mailsOf('session-reuse').length, 1)
})

t.test('somebody who leaves has left: no store and no log names them any more', async (t) => {
  const traces = {
    'user-agent': 'CanaryAgent/1.0',
    'x-forwarded-for': '203.0.113.251',
    'x-request-id': 'canary-request',
  }
  const canary = { email: 'canary@example.com', password: 'canary kettle orbits slowly' }
  const { accessToken, user, sessionId } = await post(
    'register',
    { ...canary, username: 'canary-user', name: 'Canary Name', traits: { note: 'canary trait' } },
    traces,
  )
  const userId = String((user as { id: unknown }).id)
  const as = { ...traces, authorization: `Bearer ${String(accessToken)}` }
  const phone = await post(
    'login',
    { ...canary, deviceName: 'Canary phone' },
    { ...traces, 'user-agent': safari },
  )
  await post('login', { ...canary, password: 'canary of another kind' }, traces)
  await post('login', { email: 'canary-nobody@example.com', password: 'canary of another kind' }, {})
  await post('refresh', { refreshToken: phone['refreshToken'] }, { ...traces, 'user-agent': firefox })
  await post('step-up', { password: 'canary of another kind' }, as)
  await call('PATCH', 'me', { name: 'Canary Surname', traits: { note: 'another canary trait' } }, as)
  await post('forgot-password', { email: canary.email }, traces)
  await post('change-email', { password: canary.password, newEmail: 'canary-new@example.com' }, as)
  await post('change-password', { currentPassword: 'canary', newPassword: 'canary' }, as)
  await call('DELETE', `sessions/${String(phone['sessionId'])}`, null, as)
  t.match(await call('GET', 'me/export', null, as), { status: 200, user: { email: canary.email } })
  for (const template of ['verify-email', 'new-device', 'password-reset', 'confirm-email-change'])
    await mailArrives(template)
  const look = async (): Promise<string[]> => [
    ...(await readEveryTable(db)),
    ...(await readEveryKey(env.REDIS_URL, env.REDIS_KEY_PREFIX)),
    start.output(),
  ]
  const ofThem = new RegExp(
    [
      'canary',
      '203.0.113.251',
      ...['canary', 'Canary'].map((text) => Buffer.from(text).toString('hex')),
    ].join('|'),
    'i',
  )
  t.ok((await look()).filter((line) => ofThem.test(line)).length > 10, 'until then much does')

  t.match(await call('DELETE', 'me', { password: canary.password }, as), { status: 204 })
  t.match(await call('GET', 'me', null, as), { status: 401 })
  await mailArrives('account-deleted')
  t.match(
    readFileSync(join(mails, mailsOf('account-deleted')[0] ?? ''), 'utf8'),
    /^To: canary@example\.com\r?$/m,
  )
  const settled = () => db`SELECT FROM mails WHERE user_id = ${userId} AND settled_at IS NULL`
  await waitFor(async () => (await settled()).length === 0, { what: 'the last mail to be settled' })
  await db`UPDATE erasures SET due_at = now()`
  const looked = () => db`SELECT FROM erasures WHERE looks = 1`
  await waitFor(async () => (await looked()).length === 1, {
    what: 'the look for what is left',
    deadlineMs: 15_000,
  })

  const kept = await look()
  t.same(
    kept.filter((line) => ofThem.test(line)),
    [],
  )
  t.same(
    kept.filter((line) => line.includes(userId)).map((line) => line.split(' ', 1)[0]),
    ['public.erasures'],
    'for a month, so that what comes late finds its pseudonym',
  )
  t.notOk(kept.some((line) => line.startsWith('public.security_events') && line.includes(String(sessionId))))
  const [row] = await db<{ events: number }[]>`
    SELECT count(*)::int AS events FROM security_events JOIN erasures ON pseudonym = security_events.user_id`
  t.ok(Number(row?.events) > 5, `${row?.events} events are kept`)
})
