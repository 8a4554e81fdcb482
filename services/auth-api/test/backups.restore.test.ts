// Fault: the database is lost, and yesterday's backup takes its place. Nobody who holds a token of before, or a newer one, is signed out.
// Alone: it changes its process.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { withDatabase } from '@latchkey/devstack/servers/as-superuser'
import { testDatabaseConfig, type TestDatabase } from '@latchkey/devstack/testing/database'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { connectDatabase } from '@latchkey/platform/database/client'
import { migrate } from '@latchkey/platform/database/migrate'
import { newPerson, signIn, signUp } from './support/accounts.js'
import { createTestApp, type TestApp } from './support/test-app.js'

const authSecret = 'c2Vzc2lvbnMgb3V0bGl2ZSB0aGVpciBkYXRhYmFzZQ4711'
const workspace = join(import.meta.dirname, '../../worker')

function connectTo(t: Test, url: string): TestDatabase {
  const owner = connectDatabase(testDatabaseConfig(url), {
    role: null,
    pool: 'session',
    max: 2,
    applicationName: 'latchkey-test',
  })
  const drop = () => owner.end({ timeout: 0 })
  t.teardown(drop)
  return { url, owner, drop }
}

async function runCommand(file: string, env: Record<string, string>, args: string[] = []): Promise<void> {
  const [command, ...nodeArgs] = plainNode
  await promisify(execFile)(command, [...nodeArgs, join(workspace, 'dist/commands', file), ...args], {
    env: { PATH: process.env['PATH'] ?? '', AUTH_SECRET: authSecret, ...env },
  })
}

async function refresh({ api }: TestApp, refreshToken: string): Promise<{ status: number; token: string }> {
  const { status, body } = await api('POST', '/refresh', { body: { refreshToken } })
  return { status, token: String(body['refreshToken']) }
}

t.test("a restored database signs in with yesterday's session, and with today's", async (t) => {
  const postgres = await startPrivatePostgres(t, {}, { hasPrograms: true })
  await migrate(postgres.url)
  const before = await createTestApp(t, { authSecret }, { database: connectTo(t, postgres.url) })
  const person = newPerson()
  const asleep = await signUp(before, { email: person.email })
  const busy = await signIn(before, { email: person.email })
  const ended = await signIn(before, { email: person.email })

  const folder = t.testdir()
  await runCommand('back-up.js', { DATABASE_URL: postgres.url, BACKUP_DIR: folder })
  // The day goes on: one session moves three generations ahead of the backup, one ends, one begins.
  let newest = busy.refreshToken
  for (let day = 0; day < 3; day += 1) newest = (await refresh(before, newest)).token
  t.equal((await before.api('POST', '/logout', { token: ended.accessToken })).status, 204)
  const late = await signIn(before, { email: person.email })

  await connectTo(t, postgres.url).owner`CREATE DATABASE restored`
  const url = withDatabase(postgres.url, 'restored')
  const dump = (await readdir(folder)).find((name) => name.endsWith('.dump')) ?? ''
  await runCommand('restore.js', { DATABASE_URL: url }, [join(folder, dump)])
  const after = await createTestApp(t, { authSecret }, { database: connectTo(t, url) })

  t.equal(
    (await refresh(after, asleep.refreshToken)).status,
    200,
    "yesterday's token, from before the backup",
  )
  t.equal(
    (await after.api('GET', '/me', { token: asleep.accessToken })).status,
    200,
    'its access token, too: the keys came along',
  )
  const recovered = await refresh(after, newest)
  t.equal(recovered.status, 200, 'a token that the backup has never seen: only we can have made it')
  t.equal((await refresh(after, recovered.token)).status, 200, 'and it goes on from there')
  const [told] = await after.db<{ count: number }[]>`
    SELECT count(*)::int AS count FROM outbox WHERE type = 'session.generation_recovered'`
  t.equal(told?.count, 1)
  t.equal(
    (await refresh(after, ended.refreshToken)).status,
    200,
    'what ended since lives again: docs/backups.md says what to do',
  )
  t.equal((await refresh(after, late.refreshToken)).status, 401, 'what began since is gone')
  await signIn(after, { email: person.email })
})
