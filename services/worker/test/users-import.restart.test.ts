// Attacks: an import that is stopped, killed or fed twice and then has lost or doubled people.
// Alone: it starts servers and processes of its own.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import {
  countUsers,
  createImportFiles,
  importEventsOf,
  importProgram,
  people,
  runImport,
} from './support/import-files.js'
import { startProgram } from './support/worker-process.js'

const { fileOf } = await createImportFiles(t)

t.test('killed or stopped in the middle, it is run again: nobody is lost and nobody doubled', async (t) => {
  const database = await createTestDatabase(t)
  const total = 40_000
  const file = await fileOf('many.jsonl', people(total))
  const imported = async (): Promise<number> => (await countUsers(database)).users
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const before = await imported()
    const running = startProgram(t, importProgram, { DATABASE_URL: database.url }, [file])
    await waitFor(async () => running.hasEnded() || (await imported()) > before, {
      what: 'the first batch',
      deadlineMs: 30_000,
      everyMs: 5,
    })
    running.signal(signal)
    const { code, stderr } = await running.ended
    const { users, credentials } = await countUsers(database)
    t.equal(users, credentials)
    t.ok(users > before && users < total, `${users} of ${total}`)
    t.equal(users % 5000, 0, 'batches are whole')
    if (signal === 'SIGKILL') continue
    t.equal(code, 1)
    t.match(
      stderr,
      /^users:import: interrupted at line \d+: imported \d+, there already \d+, rejected 0; run it again to go on\n$/,
    )
    t.match(await importEventsOf(database), [{ type: 'users.imported', data: { isComplete: false } }])
  }
  t.match(await runImport(t, file, database), {
    code: 0,
    stdout: /^imported \d+, there already \d+, rejected 0, in/,
  })
  t.same(await countUsers(database), { users: total, credentials: total })
})

t.test('two at once with the same people: each is imported once', async (t) => {
  const database = await createTestDatabase(t)
  const forwards = await fileOf('forwards.jsonl', people(12_000))
  const backwards = await fileOf('backwards.jsonl', people(12_000).toReversed())
  const ended = await Promise.all([runImport(t, forwards, database), runImport(t, backwards, database)])
  for (const { code, stderr } of ended) t.same({ code, stderr }, { code: 0, stderr: '' })
  t.same(await countUsers(database), { users: 12_000, credentials: 12_000 })
})
