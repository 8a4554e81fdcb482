// Property: a plain owner of a database can migrate it, and who has too few rights hears what a superuser has to run.
// Alone: it starts servers and processes of its own.
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { migrate } from '@latchkey/platform/database/migrate'
import type { Database } from '@latchkey/platform/database/client'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { connectForTest, timeRejection } from './support/database.js'
import { addMigrations } from './support/migration-folder.js'

const postgres = await startPrivatePostgres(t, { fsync: 'off' })
const superuser = connectForTest(t, postgres.url, { pool: 'session' })

const urlOf = (user: string, database: string): string => {
  const url = new URL(postgres.url)
  return Object.assign(url, { username: user, password: 'a password', pathname: `/${database}` }).href
}

async function createOwner(sql: Database, name: string, attributes = ''): Promise<string> {
  await sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD 'a password' ${attributes}`)
  await sql.unsafe(`CREATE DATABASE ${name} OWNER ${name}`)
  return urlOf(name, name)
}

const refusalOf = async (url: string): Promise<string> => {
  const { error } = await timeRejection(migrate(url))
  return error instanceof Error && error.name === 'MigrationError' ? error.message : String(error)
}

// In this order, because roles belong to the whole cluster.
t.test('without roles and without the right to make them', async (t) => {
  const url = await createOwner(superuser, 'plain')
  const message = await refusalOf(url)
  const prescription =
    /^the user plain lacks rights; let a superuser run: (.*)$/.exec(message)?.[1] ?? message
  t.equal(
    prescription,
    'CREATE ROLE latchkey_api NOLOGIN; CREATE ROLE latchkey_migrator NOLOGIN; CREATE ROLE latchkey_worker NOLOGIN; ' +
      'GRANT latchkey_migrator, latchkey_api, latchkey_worker TO plain;',
  )
  t.notOk((await superuser`SELECT FROM pg_roles WHERE rolname LIKE 'latchkey%'`).length, 'nothing was begun')

  await superuser.unsafe(prescription)
  t.ok((await migrate(url)).applied.length > 0, 'what it said is enough')
  for (const role of ['latchkey_api', 'latchkey_worker'] as const) {
    const sql = connectForTest(t, url, { role })
    t.same(Array.from(await sql`SELECT current_user::text AS role`), [{ role }])
  }
})

t.test('with roles that others made, and no part in them', async (t) => {
  const url = await createOwner(superuser, 'newcomer')
  t.equal(
    await refusalOf(url),
    'the user newcomer lacks rights; let a superuser run: GRANT latchkey_migrator, latchkey_api, latchkey_worker TO newcomer;',
  )
  await superuser`GRANT latchkey_migrator TO newcomer`
  t.ok(
    (await migrate(url)).applied.length > 0,
    'the migrator alone is enough: the other two may have URLs of their own',
  )
})

t.test('as somebody who does not own the database', async (t) => {
  await superuser.unsafe(`CREATE ROLE guest LOGIN PASSWORD 'a password' IN ROLE latchkey_migrator`)
  await superuser.unsafe('CREATE DATABASE "some where"')
  t.equal(
    await refusalOf(urlOf('guest', 'some%20where')),
    'the user guest lacks rights; let a superuser run: ALTER DATABASE "some where" OWNER TO guest;',
  )
})

t.test('as an owner who may make roles', async (t) => {
  await superuser.unsafe('DROP DATABASE plain')
  await superuser.unsafe('DROP DATABASE newcomer')
  await superuser.unsafe('DROP ROLE latchkey_migrator, latchkey_api, latchkey_worker')
  const url = await createOwner(superuser, 'maker', 'CREATEROLE')
  t.ok((await migrate(url)).applied.length > 0)
  const sql = connectForTest(t, url, { role: 'latchkey_worker' })
  t.same(Array.from(await sql`SELECT current_user::text AS role`), [{ role: 'latchkey_worker' }])
})

t.test('another member of the migrator goes on where the first left off', async (t) => {
  await superuser.unsafe(`CREATE ROLE successor LOGIN PASSWORD 'a password' IN ROLE latchkey_migrator`)
  await superuser.unsafe('ALTER DATABASE maker OWNER TO successor')
  const folder = await addMigrations(t, { '9999_add_table.sql': 'CREATE TABLE added (id int)' })
  const count = (await readdir(folder)).length
  const name = `${String(count).padStart(4, '0')}_add_table`
  await rename(join(folder, '9999_add_table.sql'), join(folder, `${name}.sql`))
  t.same(await migrate(urlOf('successor', 'maker'), { folder }), { applied: [name] })
})
