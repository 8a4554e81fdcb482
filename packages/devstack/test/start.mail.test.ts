/** From a stolen token to the mail that its owner reads, as a newcomer tries it: with `npm start`, and mails as files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { runStart } from './support/run-start.js'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const person = { email: 'ada@example.com', password: 'violet kettle orbits slowly' }

t.test('a new device and a token that is used twice: one mail each to the owner', async (t) => {
  const folder = t.testdir()
  const { url: databaseUrl } = await createTestDatabase(t, { isEmpty: true })
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: process.env['LATCHKEY_TEST_REDIS_URL'] ?? '',
    REDIS_KEY_PREFIX: redisPrefix(t),
    REFRESH_GRACE_SECONDS: '0',
    REFRESH_RECOVERY_SECONDS: '0',
  }
  const start = runStart(t, folder, { env })
  const url = await start.untilReady()
  t.match(start.output(), /Mail +kept in \.latchkey\/mail, as \.eml files/)

  async function post(
    path: string,
    body: object,
    headers: Record<string, string>,
  ): Promise<Record<string, unknown>> {
    const answer = await fetch(`${url}/api/v1/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return (await answer.json()) as Record<string, unknown>
  }
  const mails = join(folder, '.latchkey/mail')
  const mailsOf = (template: string): string[] =>
    existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith(`.${template}.eml`)) : []

  const { refreshToken } = await post('register', person, { 'user-agent': firefox })
  await post('login', person, { 'user-agent': firefox })
  const stolen = await post('login', { ...person, deviceName: 'Phone' }, { 'user-agent': safari })
  await waitFor(() => mailsOf('new-device').length > 0, {
    what: 'the mail about the new device',
    deadlineMs: 15_000,
  })
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
  await waitFor(() => mailsOf('session-reuse').length > 0, {
    what: 'the mail about the theft',
    deadlineMs: 15_000,
  })

  t.match(
    await post('refresh', { refreshToken }, {}),
    { sessionId: String },
    'the other device stays signed in',
  )
  t.equal(mailsOf('new-device').length, 1)
  t.equal(mailsOf('session-reuse').length, 1)
})
