// Property: a store that is away or busy is told as such and never as anything about the caller; a fault of ours is not dressed up.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { databaseErrorType, isUniqueViolation, toAppError } from '@latchkey/platform/database/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { waitFor } from '@latchkey/devstack/wait-for'
import t, { type Test } from 'tap'
import { connectForTest, timeRejection } from './support/database.js'

const { url, owner } = await createTestDatabase(t)

const errorOf = async (work: PromiseLike<unknown>): Promise<unknown> => (await timeRejection(work)).error

function isUnavailable(t: Test, error: unknown, because: object): void {
  t.match(error, because)
  const told = toAppError(error)
  t.match(told, { code: 'unavailable', status: 503, retryAfterSeconds: 1, cause: error })
  t.equal(told?.message, 'The service is briefly unavailable', 'nothing of what broke')
}

const insertUser = (email: string, username: string | null) =>
  owner`INSERT INTO users (id, email, username) VALUES (${newId()}, ${email}, ${username})`

t.test(
  'a taken e-mail address and a taken username have their codes, whatever the letters’ case',
  async (t) => {
    await insertUser('first@example.com', 'first')
    const email = await errorOf(insertUser('First@Example.com', 'second'))
    t.match(toAppError(email), { code: 'email_taken', status: 409 })
    t.equal(databaseErrorType(email), 'constraint')
    t.ok(isUniqueViolation(email, 'users_email_key'))
    t.notOk(isUniqueViolation(email, 'users_username_key'))
    const username = await errorOf(insertUser('second@example.com', 'first'))
    t.match(toAppError(username), { code: 'username_taken', status: 409 })
  },
)

t.test('any other constraint is a fault of ours', async (t) => {
  const [user] = await owner<{ id: string }[]>`SELECT id FROM users LIMIT 1`
  for (const statement of [
    owner`INSERT INTO users (id, email) VALUES (${user?.id ?? ''}, 'third@example.com')`,
    insertUser('third@example.com', 'NOT A NAME'),
    owner`INSERT INTO users (id) VALUES (${newId()})`,
  ]) {
    const error = await errorOf(statement)
    t.equal(toAppError(error), null)
    t.equal(databaseErrorType(error), 'constraint')
  }
})

t.test(
  'a user who is erased under a statement is no fault of ours: the same again finds nobody',
  async (t) => {
    const error = await errorOf(
      owner`INSERT INTO credentials (user_id, password_hash) VALUES (${newId()}, 'x')`,
    )
    isUnavailable(t, error, { code: '23503' })
    t.equal(databaseErrorType(error), 'conflict')
  },
)

t.test('SQL that cannot be right is a fault of ours', async (t) => {
  const undefinedValue: string | undefined = undefined
  for (const statement of [
    owner`SELEC 1`,
    owner`SELECT * FROM no_such_table`,
    owner`SELECT ${'not a uuid'}::uuid`,
    owner`SELECT 1 / 0`,
    // @ts-expect-error: the types refuse it as well
    owner`SELECT ${undefinedValue}`,
  ]) {
    const error = await errorOf(statement)
    t.equal(toAppError(error), null)
    t.equal(databaseErrorType(error), 'statement')
  }
  t.equal(toAppError(new Error('something else')), null)
  t.equal(toAppError(null), null)
})

t.test('what the api may not do is a fault of ours', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_api' })
  const error = await errorOf(sql`TRUNCATE security_events`)
  t.match(error, { code: '42501' })
  t.equal(toAppError(error), null)
})

t.test('nobody listens', async (t) => {
  const nobody = new URL(url)
  nobody.port = '1'
  const error = await errorOf(connectForTest(t, nobody.href)`SELECT 1`)
  isUnavailable(t, error, { code: 'CONNECT_FAILED', cause: { code: 'ECONNREFUSED' } })
})

t.test(
  'no such host, database or password: the operator mends it, and until then nobody is told they are wrong',
  async (t) => {
    const noHost = new URL(url)
    noHost.hostname = 'no-such-host.invalid'
    isUnavailable(t, await errorOf(connectForTest(t, noHost.href)`SELECT 1`), { code: 'CONNECT_FAILED' })
    const noDatabase = new URL(url)
    noDatabase.pathname = '/no_such_database'
    isUnavailable(t, await errorOf(connectForTest(t, noDatabase.href)`SELECT 1`), {
      cause: { code: '3D000' },
    })
    const noUser = new URL(url)
    noUser.username = 'no_such_user'
    isUnavailable(t, await errorOf(connectForTest(t, noUser.href)`SELECT 1`), {
      cause: { severity: 'FATAL' },
    })
  },
)

t.test('the backend was terminated', async (t) => {
  const sql = connectForTest(t, url)
  const asked = errorOf(sql`SELECT pg_sleep(5), 'terminate me'`)
  await waitFor(
    async () => {
      const ended = await owner`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE query LIKE '%terminate me%' AND state = 'active' AND pid <> pg_backend_pid()`
      return ended.length > 0
    },
    { what: 'the statement to run' },
  )
  isUnavailable(t, await asked, { code: /^(57P01|CONNECTION_CLOSED|ECONNRESET)$/ })
})

t.test('too many connections: those who have one serve the rest', async (t) => {
  const name = `latchkey_test_${process.pid}`
  await owner`CREATE ROLE ${owner(name)} LOGIN PASSWORD 'a password' CONNECTION LIMIT 1`
  t.teardown(() => owner`DROP ROLE ${owner(name)}`)
  const limited = new URL(url)
  limited.username = name
  limited.password = 'a password'
  const first = connectForTest(t, limited.href, { max: 3 })
  await Promise.all([
    first`SELECT pg_sleep(0.05)`,
    first`SELECT pg_sleep(0.05)`,
    first`SELECT pg_sleep(0.05)`,
  ])
  const second = connectForTest(t, limited.href)
  isUnavailable(t, await errorOf(second`SELECT 1`), { code: 'CONNECT_FAILED', cause: { code: '53300' } })
  await Promise.all([first.end(), second.end()])
})

t.test('a statement took too long', async (t) => {
  const sql = connectForTest(t, url, { config: { dbStatementTimeoutMs: 100 } })
  const error = await errorOf(sql`SELECT pg_sleep(5)`)
  isUnavailable(t, error, { code: '57014' })
  t.equal(databaseErrorType(error), 'timeout')
})

t.test('a lock was not to be had', async (t) => {
  const sql = connectForTest(t, url, { config: { dbStatementTimeoutMs: 300 } })
  await owner.begin(async (transaction) => {
    await transaction`LOCK TABLE users`
    const error = await errorOf(
      sql.begin((waiting) =>
        waiting`SELECT set_config('lock_timeout', '100', true), 1`.then(() => waiting`SELECT 1 FROM users`),
      ),
    )
    isUnavailable(t, error, { code: '55P03' })
    t.equal(databaseErrorType(error), 'timeout')
  })
})

t.test('the server can only be read from', async (t) => {
  const error = await errorOf(
    owner.begin(async (transaction) => {
      await transaction`SET TRANSACTION READ ONLY`
      await transaction`UPDATE users SET name = null`
    }),
  )
  isUnavailable(t, error, { code: '25006' })
})

t.test('a transaction stood idle for too long', async (t) => {
  const sql = connectForTest(t, url, { config: { dbStatementTimeoutMs: 200 } })
  const error = await errorOf(
    sql.begin(async (transaction) => {
      await transaction`SELECT 1`
      await waitFor(() => sql.statistics().active === 0, { what: 'PostgreSQL to end it' })
      await transaction`SELECT 2`
    }),
  )
  isUnavailable(t, error, { code: 'CONNECTION_LOST' })
})

t.test('a deadlock and a serialization failure go well another time', async (t) => {
  await owner`INSERT INTO users (id, email) VALUES (${newId()}, 'one@example.com'), (${newId()}, 'two@example.com')`
  const lockBoth = (first: string, second: string, both: () => Promise<void>) =>
    owner.begin(async (transaction) => {
      await transaction`SELECT set_config('deadlock_timeout', '50ms', true)`
      await transaction`SELECT id FROM users WHERE email = ${first} FOR UPDATE`
      await both()
      await transaction`SELECT id FROM users WHERE email = ${second} FOR UPDATE`
    })
  let arrived = 0
  const arrive = async () => {
    arrived += 1
    await waitFor(() => arrived === 2, { what: 'both to hold one', everyMs: 2 })
  }
  const outcomes = await Promise.allSettled([
    lockBoth('one@example.com', 'two@example.com', arrive),
    lockBoth('two@example.com', 'one@example.com', arrive),
  ])
  const deadlocked = outcomes.find((outcome) => outcome.status === 'rejected')
  isUnavailable(t, deadlocked?.reason, { code: '40P01' })
  t.equal(databaseErrorType(deadlocked?.reason), 'conflict')

  const serialization = await errorOf(
    owner.begin(async (transaction) => {
      await transaction`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
      await transaction`SELECT 1 FROM users`
      await owner`UPDATE users SET name = 'changed'`
      await transaction`UPDATE users SET name = 'too late'`
    }),
  )
  isUnavailable(t, serialization, { code: '40001' })
})
