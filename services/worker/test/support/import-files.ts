import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { TestDatabase } from '@latchkey/devstack/testing/database'
import { runProgram, type EndedProcess } from './worker-process.js'

export const importProgram = 'dist/commands/import-users.js'
export const bcryptHash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

/** Writes files of rows into a folder that goes with the test. */
export async function createImportFiles(t: Pick<Test, 'teardown'>): Promise<{
  folder: string
  fileOf: (name: string, rows: readonly (object | string)[]) => Promise<string>
}> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-import-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return {
    folder,
    async fileOf(name, rows) {
      const file = join(folder, name)
      await writeFile(
        file,
        rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'),
      )
      return file
    },
  }
}

export const runImport = (
  t: Test,
  file: string,
  { url }: TestDatabase,
  args: readonly string[] = [],
): Promise<EndedProcess> => runProgram(t, importProgram, { DATABASE_URL: url }, [file, ...args])

export async function countUsers({
  owner: db,
}: TestDatabase): Promise<{ users: number; credentials: number }> {
  const [row] = await db<{ users: number; credentials: number }[]>`
    SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM credentials) AS credentials`
  return { users: row?.users ?? 0, credentials: row?.credentials ?? 0 }
}

export async function importEventsOf({ owner: db }: TestDatabase): Promise<unknown[]> {
  const rows = await db<{ type: string; severity: string; data: unknown }[]>`
    SELECT type, severity, data FROM outbox ORDER BY id`
  return rows.map((row) => ({ ...row }))
}

/** Rows of which each is good, and each different. */
export const people = (count: number, from = 0): object[] =>
  Array.from({ length: count }, (_, index) => ({
    email: `person-${from + index}@example.com`,
    username: `person-${from + index}`,
    passwordHash: bcryptHash,
  }))
