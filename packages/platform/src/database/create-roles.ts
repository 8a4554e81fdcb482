import type { Database } from './client.js'
import { migrationsFolder, readMigrationFiles } from './migration-files.js'
import { assertRightToMigrate } from './migration-rights.js'

/**
 * What of an installation is in no dump of its database: roles are the cluster's, and who may connect is not dumped with what is
 * inside. The first migration makes both where they are missing, which is why it may run again. Throws `MigrationError`.
 */
export async function createRoles(sql: Database): Promise<void> {
  const [first] = await readMigrationFiles(migrationsFolder)
  if (first === undefined) throw new Error('there are no migrations')
  await assertRightToMigrate(sql)
  await sql.begin(async (transaction) => void (await transaction.unsafe(first.sql)))
}
