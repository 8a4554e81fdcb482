import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface MigrationFile {
  /** File name without `.sql`. */
  readonly name: string
  readonly sql: string
  /** SHA-256 in hexadecimal. */
  readonly checksum: string
}

/** Why there is no migrating: one line for the operator, naming the file that it is about. */
export class MigrationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MigrationError'
  }
}

/** From `src` and `dist` alike. */
export const migrationsFolder = fileURLToPath(new URL('../../../../migrations', import.meta.url))

const fileName = /^(\d{4})_[a-z0-9]+(_[a-z0-9]+)+\.sql$/
// A file that ended its own transaction could fail half way and leave the rest behind.
const transactionControl = /^\s*(begin|commit|rollback|start\s+transaction)\s*;/im

/** In order, and numbered from 0001 without gap or double, so that two branches cannot each bring the same number unnoticed. */
export async function readMigrationFiles(folder: string): Promise<MigrationFile[]> {
  const names = (await readdir(folder)).toSorted()
  const files = await Promise.all(names.map((name) => readMigrationFile(folder, name)))
  files.forEach(({ name }, index) => {
    const expected = String(index + 1).padStart(4, '0')
    if (!name.startsWith(expected)) throw new MigrationError(`${name}.sql should be number ${expected}`)
  })
  return files
}

async function readMigrationFile(folder: string, name: string): Promise<MigrationFile> {
  if (!fileName.test(name)) throw new MigrationError(`${name} is not named like 0007_verb_noun.sql`)
  // A checkout with CRLF is not an edit.
  const sql = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n')
  if (transactionControl.test(sql))
    throw new MigrationError(`${name} begins or ends a transaction; it runs inside one`)
  return {
    name: name.slice(0, -'.sql'.length),
    sql,
    checksum: createHash('sha256').update(sql).digest('hex'),
  }
}
