import { MigrationError, type MigrationFile } from './migration-files.js'
import type { Sql } from './sql.js'

export interface AppliedMigration {
  readonly name: string
  readonly checksum: string
  readonly appliedAt: Date
}

/** In order; nothing when the database was never migrated. */
export async function findAppliedMigrations(sql: Sql): Promise<AppliedMigration[]> {
  const [history] = await sql<{ exists: boolean }[]>`
    SELECT to_regclass('public.schema_migrations') IS NOT NULL AS exists`
  if (history?.exists !== true) return []
  return sql<AppliedMigration[]>`
    SELECT name, checksum, applied_at FROM public.schema_migrations ORDER BY name`
}

export async function createMigrationHistory(sql: Sql): Promise<void> {
  await sql`
    CREATE TABLE IF NOT EXISTS public.schema_migrations (
      name text CONSTRAINT schema_migrations_pkey PRIMARY KEY,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`
}

export async function insertAppliedMigration(sql: Sql, { name, checksum }: MigrationFile): Promise<void> {
  await sql`INSERT INTO public.schema_migrations (name, checksum) VALUES (${name}, ${checksum})`
}

/**
 * The files that are still to apply. Throws `MigrationError` unless what was applied is exactly the first of the files,
 * unchanged: the order of migrations is the order in which every database got them.
 */
export function findPendingMigrations(
  files: readonly MigrationFile[],
  applied: readonly AppliedMigration[],
): MigrationFile[] {
  const newest = files.at(-1)?.name ?? ''
  applied.forEach((migration, index) => {
    const file = files[index]
    if (file?.name === migration.name) {
      if (file.checksum === migration.checksum) return
      throw new MigrationError(
        `${file.name}.sql was edited after it was applied; put it back and write a new migration`,
      )
    }
    if (migration.name > newest) {
      throw new MigrationError(`the database is newer than this Latchkey: it has ${migration.name}.sql`)
    }
    if (file === undefined || file.name > migration.name) {
      throw new MigrationError(`${migration.name}.sql was applied and is missing here`)
    }
    throw new MigrationError(
      `${file.name}.sql comes before ${migration.name}.sql, which was applied; give it a later number`,
    )
  })
  return files.slice(applied.length)
}
