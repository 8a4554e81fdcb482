// Property: every database gets the same migrations in the same order, each once and whole, however many start at once.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import { migrate, readMigrationStatus, type MigrationProgress } from '@latchkey/platform/database/migrate'
import { migrationsFolder } from '@latchkey/platform/database/migration-files'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { timeRejection } from './support/database.js'
import { makeMigrations } from './support/migration-folder.js'

const names = (await readdir(migrationsFolder)).toSorted().map((file) => file.replace('.sql', ''))

const emptyDatabase = (t: Test) => createTestDatabase(t, { isEmpty: true })

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const { error } = await timeRejection(work)
  if (error instanceof Error && error.name === 'MigrationError') return error.message
  throw new Error('was not refused', { cause: error })
}

t.test('an empty database gets all of them, once', async (t) => {
  const { url } = await emptyDatabase(t)
  t.ok((await readMigrationStatus(url)).every(({ appliedAt }) => appliedAt === null))
  const progress: MigrationProgress[] = []
  t.same(await migrate(url, { onProgress: (step) => progress.push(step) }), { applied: names })
  t.same(
    progress.map((step) => step.type === 'applied' && step.name),
    names,
  )
  t.same(await migrate(url), { applied: [] })
  const status = await readMigrationStatus(url)
  t.same(
    status.map(({ name }) => name),
    names,
  )
  t.ok(status.every(({ appliedAt }) => appliedAt instanceof Date))
})

t.test('five starters at once: one applies, four wait and find nothing to do', async (t) => {
  const { url, owner } = await emptyDatabase(t)
  let waits = 0
  const onProgress = ({ type }: MigrationProgress) => (waits += type === 'waiting' ? 1 : 0)
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => migrate(url, { onProgress })))
  t.same(
    outcomes.map(({ applied }) => applied.length).toSorted((a, b) => a - b),
    [0, 0, 0, 0, names.length],
  )
  t.ok(waits > 0 && waits <= 4)
  const rows = await owner`SELECT name FROM schema_migrations`
  t.equal(rows.length, names.length)
})

t.test('databases of one cluster share its roles and are migrated at once all the same', async (t) => {
  const databases = await Promise.all(Array.from({ length: 3 }, () => emptyDatabase(t)))
  const outcomes = await Promise.all(databases.map(({ url }) => migrate(url)))
  for (const { applied } of outcomes) t.equal(applied.length, names.length)
})

t.test('waiting for another migration ends with a clear word', async (t) => {
  const { url, owner } = await emptyDatabase(t)
  const folder = await makeMigrations(t, { '0001_sleep_soundly.sql': `SELECT pg_sleep(3), 'holds the lock'` })
  const holder = timeRejection(migrate(url, { folder }))
  const sleeping = async () =>
    owner<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE query LIKE '%holds the lock%' AND wait_event = 'PgSleep'`
  const [backend] = await waitFor(
    async () => {
      const rows = await sleeping()
      return rows.length > 0 && rows
    },
    { what: 'the other migration' },
  )
  t.equal(
    await refusalOf(migrate(url, { folder, lockTimeoutMs: 100 })),
    'another migration of this database has not finished within 0.1 s; try again when it has',
  )
  await owner`SELECT pg_terminate_backend(${backend?.pid ?? 0})`
  t.match((await holder).error, { code: /^(57P01|CONNECTION_CLOSED|ECONNRESET)$/ })
  t.same(await readMigrationStatus(url, { folder }), [{ name: '0001_sleep_soundly', appliedAt: null }])
})

t.test('a failing file leaves nothing behind, and those before it stay', async (t) => {
  const { url, owner } = await emptyDatabase(t)
  const folder = await makeMigrations(t, {
    '0001_create_first.sql': 'CREATE TABLE first (id int)',
    '0002_create_second.sql':
      'CREATE TABLE second (id int);\nINSERT INTO second VALUES (1);\nINSERT INTO nowhere VALUES (1);',
    '0003_create_third.sql': 'CREATE TABLE third (id int)',
  })
  t.equal(
    await refusalOf(migrate(url, { folder })),
    '0002_create_second.sql, line 3: relation "nowhere" does not exist; nothing of it was applied',
  )
  const tables = await owner<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relname IN ('first', 'second', 'third')`
  t.same(Array.from(tables), [{ name: 'first' }])
  await writeFile(join(folder, '0002_create_second.sql'), 'CREATE TABLE second (id int)')
  t.same(await migrate(url, { folder }), { applied: ['0002_create_second', '0003_create_third'] })
})

t.test('what does not go together is refused in a line that names the file', async (t) => {
  const { url } = await emptyDatabase(t)
  const folder = await makeMigrations(t, {
    '0001_create_one.sql': 'CREATE TABLE one (id int)',
    '0002_create_two.sql': 'CREATE TABLE two (id int)',
  })
  const at = (name: string) => join(folder, `${name}.sql`)
  await migrate(url, { folder })

  await t.test('an edited file', async (t) => {
    await writeFile(at('0001_create_one'), 'CREATE TABLE one (id bigint)')
    for (const command of [migrate, readMigrationStatus]) {
      t.equal(
        await refusalOf(command(url, { folder })),
        '0001_create_one.sql was edited after it was applied; put it back and write a new migration',
      )
    }
    await writeFile(at('0001_create_one'), 'CREATE TABLE one (id int)')
  })

  await t.test('line ends of another system are no edit', async (t) => {
    await writeFile(at('0003_add_lines'), 'CREATE TABLE\nthree (id int)\n')
    await migrate(url, { folder })
    await writeFile(at('0003_add_lines'), 'CREATE TABLE\r\nthree (id int)\r\n')
    t.same(await migrate(url, { folder }), { applied: [] })
  })

  await t.test('a newer database', async (t) => {
    await rm(at('0003_add_lines'))
    t.equal(
      await refusalOf(migrate(url, { folder })),
      'the database is newer than this Latchkey: it has 0003_add_lines.sql',
    )
    await writeFile(at('0003_add_lines'), 'CREATE TABLE\nthree (id int)\n')
  })

  await t.test('a renamed file', async (t) => {
    await rename(at('0002_create_two'), at('0002_create_second'))
    t.equal(
      await refusalOf(migrate(url, { folder })),
      '0002_create_second.sql comes before 0002_create_two.sql, which was applied; give it a later number',
    )
    await rename(at('0002_create_second'), at('0002_make_two'))
    t.match(await refusalOf(migrate(url, { folder })), /0002_create_two\.sql was applied and is missing here/)
    await rename(at('0002_make_two'), at('0002_create_two'))
  })

  await t.test('numbers with a gap or a double', async (t) => {
    await writeFile(at('0005_leave_gap'), 'SELECT 1')
    t.equal(await refusalOf(migrate(url, { folder })), '0005_leave_gap.sql should be number 0004')
    await rename(at('0005_leave_gap'), at('0003_make_double'))
    t.equal(await refusalOf(migrate(url, { folder })), '0003_make_double.sql should be number 0004')
    await rm(at('0003_make_double'))
  })

  await t.test('a stray file', async (t) => {
    await writeFile(join(folder, 'notes.txt'), '')
    t.equal(await refusalOf(migrate(url, { folder })), 'notes.txt is not named like 0007_verb_noun.sql')
    await rm(join(folder, 'notes.txt'))
  })

  await t.test('a file that would end its own transaction', async (t) => {
    await writeFile(at('0004_commit_early'), 'CREATE TABLE four (id int);\nCOMMIT;\nSELECT 1 / 0;')
    t.equal(
      await refusalOf(migrate(url, { folder })),
      '0004_commit_early.sql begins or ends a transaction; it runs inside one',
    )
  })
})

t.test('the files of Latchkey say why they are there', async (t) => {
  const { readMigrationFiles } = await import('@latchkey/platform/database/migration-files')
  for (const { name, sql } of await readMigrationFiles(migrationsFolder))
    t.match(sql, /^-- Why: .{20,}/, name)
})
