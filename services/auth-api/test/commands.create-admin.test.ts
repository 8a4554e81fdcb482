// Attack: an admin whom nobody made on purpose, a password that shows on the screen, in the list of processes or in the log, and a
// login of the api's that makes admins.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { readPassword } from '@latchkey/auth-api/commands/read-password'
import { promoteToAdmin } from '@latchkey/auth-api/features/admin/first-admin/make-admin'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import t from 'tap'
import type { Session } from '@latchkey/contracts/http/answers'
import { newPerson, signUp } from './support/accounts.js'
import { codeNow } from './support/authenticator.js'
import { enrolmentTokenOf, setUpRequired } from './support/enrolments.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, { redisUrl: null })
const { api, db, database } = testApp
const workspace = fileURLToPath(new URL('../', import.meta.url))
const password = 'violet kettle orbits slowly'

async function create(args: readonly string[], input = `${password}\n`, env: Record<string, string> = {}) {
  const [command, ...nodeArgs] = plainNode
  const child = spawn(command, [...nodeArgs, 'dist/commands/create-admin.js', ...args], {
    cwd: workspace,
    env: { PATH: process.env['PATH'], DATABASE_URL: database.url, ARGON2_MEMORY_KIB: '1024', ...env },
  })
  child.stdin.on('error', () => undefined) // it may end before it has read any
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

t.test('an admin is made, whose address is proven, and told of', async (t) => {
  const { email } = newPerson()
  const { code, stdout, stderr } = await create(['--email', ` ${email.toUpperCase()} `, '--name', 'Ada'])
  t.same({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^PERSON\S+@example\.com is an admin: [0-9a-f-]{36}\n$/)
  const session = await signInAsAdmin({ email, password })
  t.match(session.user, { roles: ['user', 'admin'], emailVerified: true, name: 'Ada' })
  const events = await db`
    SELECT type, actor_id, data FROM outbox WHERE user_id = ${session.user.id} AND type IN ('user.registered', 'roles.changed') ORDER BY type DESC`
  t.match(events, [
    { type: 'user.registered', actorId: null, data: {} },
    { type: 'roles.changed', actorId: null, data: { before: [], after: ['user', 'admin'] } },
  ])
  const look = await api('GET', '/api/v1/admin/users', { token: session.accessToken })
  t.equal(look.status, 200)
})

/** Whose first sign-in has them set a second factor up. */
async function signInAsAdmin(person: { email: string; password?: string }): Promise<Session> {
  const mfaToken = await enrolmentTokenOf(testApp, person)
  const code = codeNow(await setUpRequired(testApp, { mfaToken }))
  const { body } = await api('POST', '/2fa/enrolment/verify', { body: { mfaToken, code } })
  return body as unknown as Session
}

t.test('somebody who is there is promoted on demand, and no password asked', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(testApp, { email })
  const [refused, promoted] = await Promise.all([
    create(['--email', email]),
    create(['--email', email.toUpperCase(), '--promote'], ''),
  ])
  t.match(refused, { code: 1, stdout: '', stderr: /has an account; add --promote/ })
  t.match(promoted, { code: 0, stdout: /is an admin now/, stderr: '' })
  t.match(await promoteToAdmin({ sql: db }, email), { userId: user.id, wasAdmin: true })
  t.same((await signInAsAdmin({ email })).user.roles, ['user', 'admin'], 'with the password of before')
  const told = await db`SELECT data FROM outbox WHERE user_id = ${user.id} AND type = 'roles.changed'`
  t.same(
    told.map(({ data }) => data as object),
    [{ before: ['user'], after: ['user', 'admin'] }],
  )
  await db`UPDATE users SET disabled_at = now(), roles = '{user}' WHERE id = ${user.id}`
  await t.rejects(promoteToAdmin({ sql: db }, email), /is disabled/)
  await t.rejects(promoteToAdmin({ sql: db }, newPerson().email), /nobody has an account/)
  const [row] = await db`SELECT roles FROM users WHERE id = ${user.id}`
  t.same(row?.['roles'], ['user'])
})

t.test('what cannot be done is one line, and makes nobody an admin', async (t) => {
  const [before] = await db`SELECT count(*) FROM users`
  const name = `latchkey_test_${process.pid}`
  await db`CREATE ROLE ${db(name)} LOGIN PASSWORD 'x' IN ROLE latchkey_api`
  const apiUrl = new URL(database.url)
  apiUrl.username = name
  apiUrl.password = 'x'
  const { email } = newPerson()
  const refused: [args: string[], input: string, code: number, line: RegExp, env?: Record<string, string>][] =
    [
      [
        ['--email', email, '--password', password],
        '',
        64,
        /--password.*; usage: npm run admin:create -- --email E/,
      ],
      [['--email', email], 'password1!\n', 1, /the password is a common password/],
      [['--email', email], password, 1, /must be the one of the owner/, { DATABASE_URL: apiUrl.href }],
      [
        ['--email', email],
        password,
        75,
        /PostgreSQL is away/,
        { DATABASE_URL: 'postgres://a@127.0.0.1:1/a' },
      ],
    ]
  const ended = await Promise.all(refused.map(([args, input, , , env]) => create(args, input, env)))
  for (const [index, [args, , code, line]] of refused.entries()) {
    const { code: exitCode, stdout, stderr } = ended[index] ?? { code: null, stdout: '', stderr: '' }
    t.same({ exitCode, stdout }, { exitCode: code, stdout: '' }, `${args.join(' ')}: ${stderr}`)
    t.match(stderr, line)
    t.match(stderr, /^admin:create: [^\n]+\n$/, 'one line')
  }
  await db`DROP ROLE ${db(name)}`
  t.same(await db`SELECT count(*) FROM users`, [before])
})

t.test('a password comes whole from a pipe, without the end of its line', async (t) => {
  const pipe = (...bytes: (string | Buffer)[]) =>
    readPassword({ input: Readable.from(bytes), output: { write: () => t.fail('nobody is asked') } })
  t.equal(await pipe('vio', 'let\n'), 'violet')
  t.equal(await pipe(Buffer.from(' violet \r\n')), ' violet ')
  t.equal(await pipe('violet\n\n'), 'violet\n')
  await t.rejects(pipe(), /no password was given/)
  await t.rejects(pipe('\n'), /no password was given/)
  await t.rejects(pipe('x'.repeat(4097)), /longer than 4096 bytes/)
  await t.rejects(pipe(Buffer.from([0xff, 0xfe])), /not valid/)
})

t.test('a person at a terminal is asked twice, and nothing of it shows', async (t) => {
  const terminal = (typed: string) => {
    const input: PassThrough & { isTTY?: boolean } = new PassThrough()
    input.isTTY = true
    const shown: string[] = []
    const answer = readPassword({ input, output: { write: (line) => shown.push(line) } })
    input.write(typed)
    return { answer, shown }
  }
  const right = terminal(`${password}x\u007f\r${password}\r`)
  t.equal(await right.answer, password, 'a key that deletes deletes')
  t.same(right.shown, ['Password: ', '\n', 'The same again: ', '\n'])
  await t.rejects(terminal('one\rother\r').answer, /the two passwords are not the same/)
  await t.rejects(terminal('one\r\u0003').answer, /no password was given/, 'Ctrl-C')
  await t.rejects(terminal('\r\r').answer, /no password was given/)
})
