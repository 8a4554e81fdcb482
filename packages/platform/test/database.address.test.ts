// Attack: someone between us and the database, or a stray PG* variable, or a parameter that was meant to protect and goes unheeded.
// Alone: it changes its process.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { parseDatabaseUrl } from '@latchkey/platform/database/database-url'
import { toAppError } from '@latchkey/platform/database/errors'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { layWire, viaWire } from './support/cuttable-wire.js'
import { connectForTest, timeRejection } from './support/database.js'
import { selfSignedCertificate } from '@latchkey/devstack/testing/self-signed'
import { putTlsInFront } from './support/tls-front.js'

const { url, owner } = await createTestDatabase(t)
const port = Number(new URL(url).port)

t.test('a URL says everything, with what is usual for the rest', async (t) => {
  t.same(parseDatabaseUrl('postgres://me:p%40ss%2F@db.example.com/latch%20key'), {
    host: 'db.example.com',
    port: 5432,
    socketPath: null,
    user: 'me',
    password: 'p@ss/',
    database: 'latch key',
    tls: false,
  })
  t.match(parseDatabaseUrl('postgresql://me@[::1]:6543'), {
    host: '::1',
    port: 6543,
    database: 'me',
    password: '',
  })
  t.match(parseDatabaseUrl('postgres://me@%2Frun%2Fpostgresql/db?sslmode=require'), {
    socketPath: '/run/postgresql/.s.PGSQL.5432',
    tls: false,
  })
})

t.test('a URL that cannot be meant so is refused, and its password is not told', async (t) => {
  for (const [text, reason] of [
    ['mysql://me:secret@host/db', /must start with postgres/],
    ['not a url with secret', /cannot be read/],
    ['postgres://host/secret', /must name a user/],
    ['postgres://me:secret@host/db?sslmode=on', /sslmode/],
    [
      'postgres://me:secret@host/db?sslrootcert=/no/such/file&sslmode=verify-full',
      /cannot be read: \/no\/such\/file/,
    ],
    ['postgres://me:secret@host/db?channel_binding=require', /not supported: channel_binding/],
    ['postgres://me:secret@host/db?options=-c%20role%3Dpostgres', /not supported: options/],
  ] as const) {
    t.throws(() => parseDatabaseUrl(text), { message: reason })
    t.throws(() => parseDatabaseUrl(text), { message: /^(?!.*secret)/ })
  }
})

t.test('DB_SSL wins over the URL', async (t) => {
  t.same(parseDatabaseUrl('postgres://me@host/db?sslmode=require', 'disable').tls, false)
  t.match(parseDatabaseUrl('postgres://me@host/db', 'verify-full').tls, { rejectUnauthorized: true })
})

t.test('TLS does what its mode promises', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = join(folder, 'authority.pem')
  await writeFile(authority, selfSignedCertificate)
  const tlsPort = await putTlsInFront(t, port)
  const ask = async (host: string, parameters: string, at = tlsPort) => {
    const address = new URL(url)
    address.hostname = host
    address.port = String(at)
    address.search = parameters
    const sql = connectForTest(t, address.href)
    const work = sql`SELECT 1`.then(() => Promise.reject(new Error('let in')))
    const { error } = await timeRejection(work)
    return error instanceof Error ? error.message : error
  }
  const isLetIn = 'let in'
  t.equal(await ask('localhost', 'sslmode=require'), isLetIn)
  t.equal(await ask('localhost', 'sslmode=prefer'), isLetIn)
  t.match(await ask('localhost', 'sslmode=verify-full'), /self-signed certificate/)
  t.equal(await ask('localhost', `sslmode=verify-full&sslrootcert=${authority}`), isLetIn)
  t.match(
    await ask('127.0.0.1', `sslmode=verify-full&sslrootcert=${authority}`),
    /does not match certificate/,
  )
  t.equal(
    await ask('127.0.0.1', 'sslmode=prefer', port),
    isLetIn,
    'prefer goes on without TLS where there is none',
  )
  t.match(await ask('127.0.0.1', 'sslmode=require', port), /cannot connect/, 'require does not')
})

t.test('a connection over TLS that falls silent is noticed as well', async (t) => {
  const wire = await layWire(t, await putTlsInFront(t, port))
  const frozen = new URL(viaWire(url, wire))
  frozen.search = 'sslmode=require'
  const sql = connectForTest(t, frozen.href, { config: { dbStatementTimeoutMs: 200 } })
  await sql`SELECT 1`
  wire.freeze()
  const { error, afterMs } = await timeRejection(sql`SELECT 1`)
  t.equal(toAppError(error)?.code, 'unavailable')
  t.ok(afterMs < 2500, `after ${afterMs} ms`)
  wire.mend()
  t.same(Array.from(await sql`SELECT 1 AS one`), [{ one: 1 }])
})

t.test('nothing is taken from PG* variables', async (t) => {
  const stray: Record<string, string> = {
    PGHOST: '192.0.2.1',
    PGPORT: '1',
    PGUSER: 'nobody',
    PGUSERNAME: 'nobody',
    PGPASSWORD: 'wrong',
    PGDATABASE: 'nowhere',
    PGAPPNAME: 'stray',
    PGSSL: 'verify-full',
    PGMAX: '0',
    PGMAX_PIPELINE: '0',
    PGIDLE_TIMEOUT: '1',
    PGCONNECT_TIMEOUT: '1',
    PGMAX_LIFETIME: '1',
    PGKEEP_ALIVE: '1',
    PGBACKOFF: 'true',
    PGPREPARE: 'false',
    PGFETCH_TYPES: 'true',
    PGDEBUG: 'true',
    PGSSLNEGOTIATION: 'direct',
    PGTARGETSESSIONATTRS: 'standby',
    PGTARGET_SESSION_ATTRS: 'standby',
  }
  const before = { ...process.env }
  Object.assign(process.env, stray)
  t.teardown(() => {
    for (const name of Object.keys(stray)) delete process.env[name]
    Object.assign(process.env, before)
  })
  const sql = connectForTest(t, url, { applicationName: 'ours' })
  const [row] = await sql`SELECT current_setting('application_name') AS name, current_database() AS database`
  t.same(row, { name: 'ours', database: new URL(url).pathname.slice(1) })
})

t.test(
  'every connection has its timeouts and speaks one dialect, whatever the server’s defaults',
  async (t) => {
    const database = new URL(url).pathname.slice(1)
    await owner`ALTER DATABASE ${owner(database)} SET DateStyle = 'German'`
    await owner`ALTER DATABASE ${owner(database)} SET TimeZone = 'Asia/Kolkata'`
    await owner`ALTER DATABASE ${owner(database)} SET statement_timeout = 0`
    const sql = connectForTest(t, url, { config: { dbStatementTimeoutMs: 1234 } })
    const [row] = await sql`
    SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
      current_setting('idle_in_transaction_session_timeout') AS idle, '2026-11-20T12:00:00Z'::timestamptz AS moment`
    t.same(row, {
      statement: '1234ms',
      lock: '1234ms',
      idle: '1234ms',
      moment: new Date('2026-11-20T12:00:00Z'),
    })
  },
)
