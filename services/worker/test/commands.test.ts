/** What an operator, a cron job or a supervisor sees of the programs of the worker: one line and an exit code. */
// Alone: it starts servers and processes of its own.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Sql } from '@latchkey/platform/database/client'
import { insertOneTimeTokens, insertSessions, insertUser, remainingSessions } from './support/session-rows.js'
import { runProgram } from './support/worker-process.js'

const cleanup = 'dist/commands/clean-expired-tokens.js'
const rotation = 'dist/commands/rotate-signing-keys.js'
const revocation = 'dist/commands/revoke-signing-key.js'
const traitsIndex = 'dist/commands/index-traits.js'

t.test('tokens:clean prints one line with what it deleted', async (t) => {
  const { url, owner: db } = await createTestDatabase(t)
  const userId = await insertUser(db)
  await insertSessions(db, userId, { idle: -1 }, 3)
  await insertSessions(db, userId, { revoked: -3600 }, 2)
  const kept = await insertSessions(db, userId)
  await insertOneTimeTokens(db, -1, 4)
  const { code, stdout, stderr } = await runProgram(t, cleanup, { DATABASE_URL: url })
  t.equal(stderr, '')
  t.match(stdout, /^deleted 3 expired and 2 revoked sessions, 4 one-time tokens in \d+ ms\n$/)
  t.equal(code, 0)
  t.same([...(await remainingSessions(db))], kept)
})

t.test('tokens:clean waits for the cleanup of a worker to end', async (t) => {
  const { url, owner: db } = await createTestDatabase(t)
  await insertSessions(db, await insertUser(db), { idle: -1 }, 3)
  const { running } = await db.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${0x4c4b4d54}, hashtext('clean-expired-tokens'))`
    const started = runProgram(t, cleanup, { DATABASE_URL: url })
    await waitFor(() => hasAskedForLock(db), { what: 'the command to ask for the lock', deadlineMs: 20_000 })
    t.equal((await remainingSessions(db)).size, 3)
    return { running: started }
  })
  t.match(await running, { code: 0, stdout: /^deleted 3 expired/ })
})

t.test(
  'traits:index files what users had before the schema, and tells whose claim an older account has',
  async (t) => {
    const { url, owner: db } = await createTestDatabase(t)
    const folder = t.testdir({
      'traits.json': JSON.stringify({
        type: 'object',
        properties: { number: { type: 'integer', 'x-latchkey-unique': true, 'x-latchkey-searchable': true } },
      }),
    })
    await db`
    INSERT INTO users (id, email, traits)
    SELECT uuid_v7(), format('u%s@example.com', n), jsonb_build_object('number', n, 'other', n) FROM generate_series(1, 1200) AS n`
    const [older, newer] = await db<{ id: string }[]>`
    UPDATE users SET traits = '{"number": 5000}' WHERE id IN (SELECT min(id::text)::uuid FROM users UNION SELECT max(id::text)::uuid FROM users)
    RETURNING id`.then((rows) => rows.toSorted((one, other) => (one.id < other.id ? -1 : 1)))
    const env = { DATABASE_URL: url, TRAITS_SCHEMA: join(folder, 'traits.json') }
    const filed = () =>
      db<
        { userId: string; value: string }[]
      >`SELECT user_id, value FROM trait_values WHERE is_unique AND is_searchable`

    const first = await runProgram(t, traitsIndex, env)
    t.equal(first.code, 1)
    t.match(first.stderr, `user ${newer?.id}: an older account has the same number\n`)
    t.match(first.stderr, 'traits:index: indexed the traits of 1200 users, but 1 unique values are taken\n')
    t.equal((await filed()).length, 1199)
    t.equal((await filed()).find(({ value }) => value === '5000')?.userId, older?.id)

    await db`UPDATE users SET traits = '{"number": 5001}' WHERE id = ${newer?.id ?? null}`
    const second = await runProgram(t, traitsIndex, env)
    t.match(second, { code: 0, stdout: 'indexed the traits of 1200 users\n', stderr: '' })
    t.equal((await filed()).length, 1200)

    const [without, unreadable] = await Promise.all([
      runProgram(t, traitsIndex, { DATABASE_URL: url }),
      runProgram(t, traitsIndex, { DATABASE_URL: url, TRAITS_SCHEMA: folder }),
    ])
    t.equal(without.code, 0)
    t.equal((await filed()).length, 0)
    t.match(unreadable, {
      code: 78,
      stderr: /^traits:index: TRAITS_SCHEMA \S+: the file cannot be read \(EISDIR\)\n$/,
    })
  },
)

t.test('keys:rotate prints which key signs from when on', async (t) => {
  const { url, owner: db } = await createTestDatabase(t)
  const first = await runProgram(t, rotation, { DATABASE_URL: url })
  const second = await runProgram(t, rotation, { DATABASE_URL: url })
  t.equal(first.code, 0)
  t.match(second.stdout, /^signing key [\w-]{43} \(ES256\) signs from \d{4}-\d\d-\d\dT[\d:.]+Z on\n$/)
  const keys = await db<{ kid: string }[]>`SELECT kid FROM signing_keys ORDER BY activates_at`
  t.same(
    keys.map(({ kid }) => kid),
    [first, second].map(({ stdout }) => stdout.split(' ')[2]),
  )
  const events = await db<{ type: string; data: unknown }[]>`SELECT type, data FROM outbox`
  t.match(events, [{ type: 'key.rotated', data: { kid: keys[1]?.kid } }])
})

t.test('keys:revoke withdraws a key, and says which one signs now', async (t) => {
  const { url, owner: db } = await createTestDatabase(t)
  await runProgram(t, rotation, { DATABASE_URL: url })
  const { code, stdout } = await runProgram(t, revocation, { DATABASE_URL: url }, ['--kid', 'current'])
  t.equal(code, 0)
  t.match(
    stdout,
    /^signing key [\w-]{43} is revoked: its tokens are refused within 5 seconds; [\w-]{43} \(ES256\) signs now\n$/,
  )
  t.match(await db`SELECT type FROM outbox`, [{ type: 'key.revoked' }])

  const unknown = await runProgram(t, revocation, { DATABASE_URL: url }, ['--kid', 'nobody'])
  t.match(unknown, {
    code: 1,
    stdout: '',
    stderr: 'keys:revoke: there is no published signing key nobody\n',
  })
  t.match(await runProgram(t, revocation, { DATABASE_URL: url }), {
    code: 64,
    stdout: '',
    stderr: /^keys:revoke: --kid is missing; usage: /,
  })
})

for (const program of [cleanup, 'dist/main.js']) {
  t.test(`${program} names every problem of its settings and exits with 78`, async (t) => {
    const { code, stdout, stderr } = await runProgram(t, program, {
      DATABASE_URL: 'mysql://localhost/x',
      WORKER_CONCURRENCY: 'many',
    })
    t.equal(code, 78)
    t.equal(stdout, '')
    t.match(stderr, 'DATABASE_URL')
    t.match(stderr, 'WORKER_CONCURRENCY')
    t.notMatch(stderr, '    at ', 'no stack')
  })
}

t.test('tokens:clean says in one line that PostgreSQL is away', async (t) => {
  const { code, stdout, stderr } = await runProgram(t, cleanup, {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
  })
  t.equal(code, 75)
  t.equal(stdout, '')
  t.match(stderr, /^tokens:clean: PostgreSQL is away: .+\n$/)
})

t.test('keys:rotate fails with one line on a database that was not migrated', async (t) => {
  const { url, owner: db } = await createTestDatabase(t)
  await db`DROP TABLE signing_keys`
  const { code, stderr } = await runProgram(t, rotation, { DATABASE_URL: url })
  t.equal(code, 1)
  t.equal(stderr, 'keys:rotate: relation "signing_keys" does not exist\n')
})

t.test('the worker says in one line that its port is in use', async (t) => {
  const { url } = await createTestDatabase(t)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  const { code, stderr } = await runProgram(t, 'dist/main.js', { DATABASE_URL: url, WORKER_PORT: port })
  t.equal(code, 1)
  t.equal(stderr, `worker: Port ${port} is in use. Stop what listens there, or set WORKER_PORT to another.\n`)
})

/** The command is in the transaction that asks for the lock, or has been. */
async function hasAskedForLock(db: Sql): Promise<boolean> {
  const rows = await db`
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'latchkey-worker' AND query ~ 'pg_try_advisory_xact_lock|ROLLBACK|COMMIT'`
  return rows.length > 0
}
