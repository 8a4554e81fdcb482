// Property: the command says in one line how it went, exits accordingly, and asks for no setting but the database's.
// Alone: it changes its process.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const command = fileURLToPath(import.meta.resolve('@latchkey/platform/database/migrate-command'))
const { url } = await createTestDatabase(t, { isEmpty: true })

interface Outcome {
  exitCode: number | null
  out: string[]
  complaint: string
}

function run(env: Record<string, string>, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [command, ...args],
      { env: { PATH: process.env['PATH'], ...env } },
      (_, out, complaint) => {
        resolve({
          exitCode: child.exitCode,
          out: out.split('\n').filter((line) => line !== ''),
          complaint: complaint.trimEnd(),
        })
      },
    )
  })
}

t.test('it migrates, tells each file, and tells that there is nothing left', async (t) => {
  const where = `${new URL(url).pathname.slice(1)} on ${new URL(url).hostname}`
  const before = await run({ DATABASE_URL: url }, '--status')
  t.match(before, { exitCode: 0, complaint: '' })
  t.match(before.out[0], /^0001_create_roles pending$/)
  t.match(before.out.at(-1), new RegExp(`^${where} lacks (\\d+) of \\1 migrations$`))

  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'url'), `${url}\n`)
  const first = await run({ DATABASE_URL_SESSION_FILE: join(folder, 'url') })
  t.match(first, { exitCode: 0, complaint: '' })
  t.match(first.out[0], /^applied 0001_create_roles \d+ ms$/)
  t.equal(first.out.at(-1), `${where} is up to date now`)

  t.same(await run({ DATABASE_URL: url }), { exitCode: 0, out: [`${where} was up to date`], complaint: '' })
  const after = await run({ DATABASE_URL: url }, '--status')
  t.match(after.out[0], /^0001_create_roles 20\d\d-/)
  t.equal(after.out.at(-1), `${where} is up to date`)
})

t.test('what it cannot do it says in one line, without the password', async (t) => {
  const away = new URL(url)
  away.port = '1'
  away.password = 'a-secret'
  t.same(await run({ DATABASE_URL: away.href }), {
    exitCode: 75,
    out: [],
    complaint: 'migrate: cannot connect to PostgreSQL: connect ECONNREFUSED 127.0.0.1:1',
  })
  t.same(await run({}), {
    exitCode: 78,
    out: [],
    complaint:
      'migrate: The configuration cannot be used:\n  - DATABASE_URL (or DATABASE_URL_SESSION) is required',
  })
  t.same(await run({ DATABASE_URL: url }, '--undo'), {
    exitCode: 64,
    out: [],
    complaint: 'migrate: usage: npm run migrate [-- --status]',
  })
})
