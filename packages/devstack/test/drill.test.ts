/** Attacks, from a stranger's first request to the alert, the mail and the answer of the account: with `npm start`, and nothing but HTTP. */
// Alone: it changes its process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { readDrillOptions } from '@latchkey/devstack/drill/drill-options'
import { totpCode } from '@latchkey/devstack/drill/totp-code'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { runStart } from './support/run-start.js'

const folder = t.testdir()
const { url: databaseUrl, owner: db } = await createTestDatabase(t, { isEmpty: true })
const start = runStart(t, folder, {
  env: {
    DATABASE_URL: databaseUrl,
    REDIS_URL: process.env['LATCHKEY_TEST_REDIS_URL'] ?? '',
    REDIS_KEY_PREFIX: redisPrefix(t),
    ALERT_MAIL_TO: 'security@example.com',
    OUTBOUND_ALLOWED_NETWORKS: '127.0.0.1',
    DETECTION_ACTIONS: 'mfa-fatigue=mail_owner+end_sessions+mail_operators',
  },
})
const url = await start.untilReady()

/** An operator's access token. */
async function newAdmin(): Promise<string> {
  const answer = await fetch(`${url}/api/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'eve@example.com', password: 'violet kettle orbits slowly' }),
  })
  const { accessToken, sessionId } = (await answer.json()) as Record<string, string>
  await db`UPDATE users SET roles = '{user,admin}' WHERE email = 'eve@example.com'`
  await db`UPDATE sessions SET aal = 2, amr = '{pwd,otp,mfa}' WHERE id = ${sessionId ?? ''}`
  return accessToken ?? ''
}

/** Where alerts go by webhook: their rules, as they arrive. */
async function receiveAlerts(t: Test, token: string): Promise<string[]> {
  const received: string[] = []
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { data } = JSON.parse(await text(request)) as { data: { type: string; data: { rule: string } } }
    received.push(`${data.type} ${data.data.rule}`)
    response.writeHead(204).end()
  }
  const server = createServer((request, response) => void take(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { status } = await fetch(`${url}/api/v1/admin/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ url: `http://127.0.0.1:${port}/`, eventTypes: ['alert.raised'] }),
  })
  if (status !== 201) throw new Error(`the webhook was answered ${status}`)
  return received
}

const program = fileURLToPath(import.meta.resolve('@latchkey/devstack/drill'))

async function drill(args: string[], token: string | null): Promise<{ code: unknown; said: string }> {
  const env = { ...process.env, ...(token !== null && { DRILL_TOKEN: token }) }
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code: child.exitCode, said: said + complained }
}

const mails = join(folder, '.latchkey/mail')
const mailsOf = (template: string): string[] =>
  existsSync(mails) ? readdirSync(mails).filter((name) => name.endsWith(`.${template}.eml`)) : []

t.test('each attack raises its alert within 5 s, and nothing else, by mail and webhook too', async (t) => {
  const token = await newAdmin()
  const received = await receiveAlerts(t, token)
  const { code, said } = await drill(['--target', url], token)
  t.equal(code, 0, said)
  for (const rule of ['refresh-reuse', 'mfa-fatigue', 'credential-stuffing'])
    t.match(said, new RegExp(`${rule}[^✓✗]*✓ alert [\\da-f-]{36} after [0-4]\\.\\d s`))
  t.match(said, 'All of it was noticed.')
  t.notMatch(said, 'Also raised')
  const alerts = await db<
    { rule: string; actions: string[] }[]
  >`SELECT rule, actions FROM alerts ORDER BY rule`
  t.same(alerts, [
    { rule: 'credential-stuffing', actions: ['mail_operators'] },
    { rule: 'mfa-fatigue', actions: ['mail_owner', 'end_sessions', 'mail_operators'] },
    { rule: 'refresh-reuse', actions: ['mail_operators'] },
  ])

  const settled = () => mailsOf('operator-alerts').length === 3 && mailsOf('suspicious-activity').length === 1
  await waitFor(settled, { what: 'the mails' })
  await waitFor(() => received.length >= 3, { what: 'the webhooks' })
  t.same(
    received.toSorted(),
    alerts.map(({ rule }) => `alert.raised ${rule}`),
  )
  const toOperators = mailsOf('operator-alerts').map((name) => readFileSync(join(mails, name), 'utf8'))
  for (const mail of toOperators) t.match(mail, /^To: security@example\.com\r?$/m)
  t.match(
    readFileSync(join(mails, mailsOf('suspicious-activity')[0] ?? ''), 'utf8'),
    /^To: drill-[\da-f]{16}@example\.com\r?$/m,
  )
  const live = await db`
    SELECT FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.revoked_at IS NULL AND u.email LIKE 'drill-%'`
  t.equal(live.length, 0, 'the sessions of both victims have ended')
})

t.test('without somebody who may look it plays, and says that nobody did', async (t) => {
  const { code, said } = await drill(['--only', 'reuse', '--target', url], null)
  t.equal(code, 0, said)
  t.match(said, 'nobody looked')
  t.match(await drill(['--target', url], 'no token'), { code: 2, said: /DRILL_TOKEN does not open.*401/ })
})

t.test('another machine is attacked only by name and on purpose', (t) => {
  const read = (...args: string[]) => readDrillOptions(args)
  t.same(read(), { target: 'http://127.0.0.1:8000', names: ['reuse', 'fatigue', 'stuffing'] })
  t.same(read('--only', 'stuffing', '--target', 'http://[::1]:8000/'), {
    target: 'http://[::1]:8000',
    names: ['stuffing'],
  })
  t.equal(read('--target', 'https://auth.example.com', '--yes').target, 'https://auth.example.com')
  for (const target of [
    'https://auth.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://127.0.0.1@example.com',
    'http://10.0.0.1:8000',
    'ftp://127.0.0.1',
    'http://127.0.0.1:8000/api',
    '',
  ])
    t.throws(() => read('--target', target), { name: 'Error' }, target)
  for (const args of [['--yes', '--fast'], ['--only'], ['--only', 'constructor'], ['--target']])
    t.throws(() => read(...args), args.join(' '))
  t.end()
})

t.test('codes are those of RFC 6238', (t) => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  t.equal(totpCode(secret, 59_000), '287082')
  t.equal(totpCode(secret, 1_111_111_109_000), '081804')
  t.equal(totpCode(secret, 20_000_000_000_000), '353130')
  t.end()
})
