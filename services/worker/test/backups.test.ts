/** What a backup is worth when it is needed: damage, another key, a full folder, a role that may not read, and a database that is in use. */
// Alone: it starts servers and processes of its own.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { withDatabase } from '@latchkey/devstack/servers/as-superuser'
import { testDatabaseConfig } from '@latchkey/devstack/testing/database'
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { connectDatabase } from '@latchkey/platform/database/client'
import { migrate } from '@latchkey/platform/database/migrate'
import { backUp } from '@latchkey/worker/backups/back-up'
import { restore } from '@latchkey/worker/backups/restore'
import { open, seal } from '@latchkey/worker/backups/sealed-stream'
import { backUpDaily, showLastBackup } from '@latchkey/worker/jobs/back-up/back-up-daily'
import { insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'
import { runProgram } from './support/worker-process.js'

t.setTimeout(120_000)
const postgres = await startPrivatePostgres(t, {}, { hasPrograms: true })
await migrate(postgres.url)
const connect = (url: string) =>
  connectDatabase(testDatabaseConfig(url), {
    role: null,
    pool: 'session',
    max: 2,
    applicationName: 'latchkey-test',
  })
const db = connect(postgres.url)
t.teardown(() => db.end({ timeout: 0 }))
await db`CREATE ROLE keeper LOGIN PASSWORD 'keeper'`
await db`GRANT latchkey_migrator, latchkey_api, latchkey_worker TO keeper`
await db`CREATE ROLE reader LOGIN PASSWORD 'reader'`
await db`GRANT pg_read_all_data TO reader`
const key = randomBytes(48).toString('base64')

const runBackup = (folder: string, env: Record<string, string> = {}) =>
  runProgram(t, 'dist/commands/back-up.js', { DATABASE_URL: postgres.url, BACKUP_DIR: folder, ...env })
const restoreByCommand = (file: string, url: string, env: Record<string, string> = {}, args: string[] = []) =>
  runProgram(t, 'dist/commands/restore.js', { DATABASE_URL: url, ...env }, [file, ...args])

let made = 0
/** Empty, and its owner's URL: of nobody who may do more than migrate. */
async function newDatabase(): Promise<string> {
  const name = `restored_${(made += 1)}`
  await db`CREATE DATABASE ${db(name)} OWNER keeper`
  return as('keeper', withDatabase(postgres.url, name))
}
const as = (user: string, url: string): string => url.replace(/\/\/.*@/, `//${user}:${user}@`)
const dumpsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => /\.dump(\.enc)?$/.test(name)).toSorted()
async function newestIn(folder: string): Promise<string> {
  return join(folder, (await dumpsIn(folder)).at(-1) ?? '')
}
const eventsOf = (type: string) =>
  db<{ data: Record<string, unknown> }[]>`SELECT data FROM outbox WHERE type = ${type} ORDER BY id`

t.test('a backup is encrypted, checked, told of, and comes back whole', async (t) => {
  const folder = join(t.testdir(), 'made')
  const userId = await insertUser(db)
  const { code, stdout, stderr } = await runBackup(folder, {
    BACKUP_ENCRYPTION_KEY: key,
    BACKUP_DATABASE_URL: as('reader', postgres.url),
  })
  t.equal(stderr, '')
  t.equal(code, 0)
  const file = await newestIn(folder)
  t.match(stdout, new RegExp(`^${file}: \\d+\\.\\d MiB, encrypted, checked, in \\d+\\.\\d s\n$`))
  const stored = await readFile(file)
  t.notMatch(stored.toString('latin1'), /PGDMP|latchkey_migrator/, 'nothing of the dump shows')
  const sum = createHash('sha256').update(stored).digest('hex')
  t.equal(await readFile(`${file}.sha256`, 'utf8'), `${sum}  ${basename(file)}\n`, 'for sha256sum --check')
  t.match((await eventsOf('backup.completed')).at(-1)?.data, { bytes: stored.length, isEncrypted: true })

  const url = await newDatabase()
  const erased = join(folder, 'erased.txt')
  await writeFile(erased, `${userId}\n`)
  const restored = await restoreByCommand(file, url, { BACKUP_ENCRYPTION_KEY: key }, [
    '--erased',
    erased,
    '--end-sessions',
  ])
  t.match(restored, { code: 0, stderr: '', stdout: /1 users erased again; the schema is up to date\n$/ })
  const copy = connect(url)
  t.teardown(() => copy.end({ timeout: 0 }))
  const [rows] = await copy<{ users: number; erasures: number; privileges: boolean }[]>`
    SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM erasures) AS erasures,
      has_table_privilege('latchkey_api', 'users', 'SELECT') AND NOT has_table_privilege('latchkey_worker', 'credentials', 'SELECT')
        AND has_database_privilege('latchkey_api', current_database(), 'CONNECT') AS privileges`
  t.same({ ...rows }, { users: 0, erasures: 1, privileges: true })

  const again = await restoreByCommand(file, url, { BACKUP_ENCRYPTION_KEY: key })
  t.match(again, { code: 1, stdout: '', stderr: /^restore: the database is not empty \(public\..*\): .*\n$/ })
  t.equal(again.stderr.trim().split('\n').length, 1)
})

t.test('a file that was changed, cut off or is opened with another key restores nothing', async (t) => {
  const folder = t.testdir()
  await runBackup(folder, { BACKUP_ENCRYPTION_KEY: key })
  const file = await newestIn(folder)
  const stored = await readFile(file)
  const url = await newDatabase()
  const copy = connect(url)
  t.teardown(() => copy.end({ timeout: 0 }))
  const restoreHere = (path: string, backupEncryptionKey: string | null) =>
    restore(
      { sql: copy, config: { databaseUrl: url, dbSsl: null, backupEncryptionKey, backupPrograms: null } },
      path,
      {
        erasedIds: [],
        endsSessions: false,
        signal: new AbortController().signal,
        onProgress: () => undefined,
      },
    )
  const [changed, cut, flipped] = ['changed', 'cut', 'flipped'].map((name) => join(folder, name))
  const broken = Buffer.from(stored)
  broken.writeUInt8(broken.readUInt8(stored.length - 20) ^ 1, stored.length - 20)
  await writeFile(changed ?? '', broken)
  await writeFile(cut ?? '', stored.subarray(0, stored.length - 100))
  await writeFile(flipped ?? '', broken)
  await writeFile(`${flipped}.sha256`, await readFile(`${file}.sha256`))
  for (const [path = '', reason, used] of [
    [changed, /the backup was changed or cut off \(at \d+ KiB\)/, key],
    [cut, /the backup was changed or cut off/, key],
    [flipped, /the backup was changed or cut off/, key],
    [file, /BACKUP_ENCRYPTION_KEY is another one/, randomBytes(48).toString('base64')],
  ] as const) {
    await t.rejects(restoreHere(path, used), { name: 'BackupProblem', message: reason })
  }
  await t.rejects(restoreHere(file, null), { message: /is encrypted: BACKUP_ENCRYPTION_KEY is required/ })
  const told = await restoreByCommand(join(folder, 'none'), url)
  t.match(told, { code: 1, stdout: '', stderr: `restore: there is no file ${join(folder, 'none')}\n` })
  t.same(await copy`SELECT FROM pg_class WHERE relname = 'users'`, [], 'the database is as empty as before')
})

t.test('sealed chunks: nothing is changed, moved, left out, put in or cut off unnoticed', async (t) => {
  const chunk = 65_536 + 16
  const head = 18 + 32
  for (const size of [0, 1, 65_536, 65_537, 200_000]) {
    const plain = randomBytes(size)
    const parts = (async function* (): AsyncGenerator<Buffer> {
      for (let at = 0; at < size; at += 10_000) yield plain.subarray(at, at + 10_000)
    })()
    const sealed = await buffer(seal(parts, key))
    t.ok((await buffer(open(inOne(sealed), key))).equals(plain), `${size} bytes come back`)
    const last = head + Math.max(0, Math.ceil(size / 65_536) - 1) * chunk
    await t.rejects(
      buffer(open(inOne(sealed.subarray(0, last)), key)),
      { name: 'BackupProblem' },
      'cut at a chunk',
    )
    await t.rejects(buffer(open(inOne(Buffer.concat([sealed, Buffer.alloc(1)])), key)), {
      name: 'BackupProblem',
    })
  }
  const sealed = await buffer(seal(inOne(randomBytes(200_000)), key))
  const [first, second] = [
    sealed.subarray(head, head + chunk),
    sealed.subarray(head + chunk, head + 2 * chunk),
  ]
  const rest = sealed.subarray(head + 2 * chunk)
  for (const forged of [
    [second, first, rest],
    [first, rest],
    [first, first, second, rest],
    [first, second],
  ]) {
    const bytes = Buffer.concat([sealed.subarray(0, head), ...forged])
    await t.rejects(buffer(open(inOne(bytes), key)), { name: 'BackupProblem' })
  }
  await t.rejects(buffer(open(inOne(Buffer.from('PGDMP')), key)), {
    message: /not a backup that was encrypted/,
  })
})

async function* inOne(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

t.test('the newest are kept; what a killed backup has left goes, and what is not ours stays', async (t) => {
  const folder = t.testdir({
    'notes.txt': 'mine',
    'latchkey-20200101T000000000Z.dump': 'old',
    'latchkey-20200101T000000000Z.dump.sha256': 'old',
    'latchkey-20200102T000000000Z.dump.enc': 'old',
    'latchkey-20200103T000000000Z.dump.partial': 'killed',
    'latchkey-20200103T000000000Z.dump.sha256': 'killed',
  })
  t.equal((await runBackup(folder, { BACKUP_KEEP: '2' })).code, 0)
  const newest = basename(await newestIn(folder))
  t.same((await readdir(folder)).toSorted(), [
    'latchkey-20200102T000000000Z.dump.enc',
    newest,
    `${newest}.sha256`,
    'notes.txt',
  ])
})

t.test(
  'a backup that fails deletes none, leaves nothing, and is told as one line and an event',
  async (t) => {
    const folder = t.testdir({ 'latchkey-20200101T000000000Z.dump': 'old' })
    await db`CREATE ROLE poor LOGIN PASSWORD 'poor'`
    const poor = as('poor', postgres.url)
    const failed = await runBackup(folder, { BACKUP_DATABASE_URL: poor, BACKUP_KEEP: '1' })
    t.equal(failed.code, 1)
    t.match(
      failed.stderr,
      /^backup: .*permission denied.*BACKUP_DATABASE_URL must be of a user who may read everything\n$/,
    )
    t.same(await readdir(folder), ['latchkey-20200101T000000000Z.dump'])
    t.match((await eventsOf('backup.failed')).at(-1)?.data['reason'], /permission denied/)

    const missing = await runBackup(folder, { BACKUP_PROGRAMS: folder })
    t.match(
      missing.stderr,
      /^backup: pg_dump and pg_restore of PostgreSQL \d+ or later are missing: install postgresql-client-\d+/,
    )
    t.match(await runBackup(join(folder, 'latchkey-20200101T000000000Z.dump')), {
      code: 1,
      stderr: /EEXIST|ENOTDIR/,
    })
  },
)

t.test('a backup that is stopped half way leaves nothing, and is no failure to be told of', async (t) => {
  const folder = t.testdir()
  const database = { url: postgres.url, owner: db, drop: () => Promise.resolve() }
  const { deps } = await createTestDeps(t, { backupDatabaseUrl: postgres.url }, { database })
  const failures = (await eventsOf('backup.failed')).length
  for (const at of ['written', 'checked']) {
    const stopping = new AbortController()
    const onProgress = (step: string) => step === at && stopping.abort()
    await t.rejects(
      backUp(deps, { folder, signal: stopping.signal, onProgress }),
      { message: 'interrupted' },
      at,
    )
    t.same(await readdir(folder), [])
  }
  t.equal((await eventsOf('backup.failed')).length, failures)
})

t.test('the job makes one a day, whatever the number of workers, and all of them tell of it', async (t) => {
  const folder = join(t.testdir(), 'backups')
  await db`DELETE FROM statistics`
  const settings = { backupDir: folder, backupDatabaseUrl: postgres.url }
  const database = { url: postgres.url, owner: db, drop: () => Promise.resolve() }
  const [one, other, without] = [
    await createTestDeps(t, settings, { database }),
    await createTestDeps(t, settings, { database }),
    await createTestDeps(t, {}, { database }),
  ]
  const { signal } = new AbortController()
  await backUpDaily(without.deps, signal)
  t.notOk(existsSync(folder), 'nothing without BACKUP_DIR')
  await backUpDaily(one.deps, signal)
  await backUpDaily(other.deps, signal)
  t.equal((await dumpsIn(folder)).length, 1)
  t.match(one.lines.at(-1), { msg: 'The database was backed up', isEncrypted: false })
  await showLastBackup(other.deps)
  const exposed = await other.deps.metrics.registry.metrics()
  const at = Number(/^backup_last_success_timestamp_seconds (\d+)$/m.exec(exposed)?.[1])
  t.ok(Math.abs(at - Date.now() / 1000) < 60)
  t.match(exposed, /^backup_size_bytes [1-9]/m)

  await db`UPDATE statistics SET value = value - 86400 WHERE name = 'backup_completed_at'`
  await backUpDaily(other.deps, signal)
  t.equal((await dumpsIn(folder)).length, 2)
  await db`UPDATE statistics SET value = value - 86400 WHERE name = 'backup_completed_at'`
  await rename(folder, `${folder}.gone`)
  await writeFile(folder, 'a file')
  await t.rejects(backUpDaily(one.deps, signal), { code: 'EEXIST' })
})
