import { migrationsFolder } from '@latchkey/platform/database/migration-files'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder with just these files. */
export async function makeMigrations(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-migrations-'))
  t.teardown(() => rm(folder, { recursive: true }))
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql)
  return folder
}

/** Latchkey's own, and these besides. */
export async function addMigrations(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await makeMigrations(t, {})
  await cp(migrationsFolder, folder, { recursive: true })
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql)
  return folder
}
