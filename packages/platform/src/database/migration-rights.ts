import { MigrationError } from './migration-files.js'
import type { Sql } from './sql.js'

const roles = ['latchkey_migrator', 'latchkey_api', 'latchkey_worker']

// From this version on the schema public belongs to the owner of the database, and nobody else may create in it.
const oldestVersion = 15

interface Rights {
  version: number
  userName: string
  databaseName: string
  missingRoles: string[]
  canCreateRoles: boolean
  /** Null when there is no such role yet. */
  canBecomeMigrator: boolean | null
  ownsDatabase: boolean
}

/** Throws `MigrationError` with what a DBA has to run, when the user may not do what the migrations do. */
export async function assertRightToMigrate(sql: Sql): Promise<void> {
  const rights = await getRights(sql)
  const { userName, databaseName, missingRoles, canCreateRoles } = rights
  if (rights.version < oldestVersion) {
    throw new MigrationError(`PostgreSQL ${oldestVersion} or newer is needed; this is ${rights.version}`)
  }
  const needed = [
    ...(canCreateRoles ? [] : missingRoles.map((role) => `CREATE ROLE ${role} NOLOGIN;`)),
    ...((rights.canBecomeMigrator ?? canCreateRoles) ? [] : [`GRANT ${roles.join(', ')} TO ${userName};`]),
    ...(rights.ownsDatabase ? [] : [`ALTER DATABASE ${databaseName} OWNER TO ${userName};`]),
  ]
  if (needed.length === 0) return
  throw new MigrationError(`the user ${userName} lacks rights; let a superuser run: ${needed.join(' ')}`)
}

/** Before PostgreSQL 16 who may create roles may also join any; since then it takes the SET or ADMIN option of that role. */
async function getRights(sql: Sql): Promise<Rights> {
  const [rights] = await sql<[Rights]>`
    WITH server AS (SELECT current_setting('server_version_num')::int / 10000 AS version)
    SELECT version,
      quote_ident(current_user) AS user_name,
      quote_ident(datname) AS database_name,
      ARRAY(SELECT unnest(${roles}::text[]) EXCEPT SELECT rolname FROM pg_roles ORDER BY 1) AS missing_roles,
      me.rolsuper OR me.rolcreaterole AS can_create_roles,
      (
        SELECT pg_has_role(migrator.oid, CASE WHEN version < 16 THEN 'MEMBER' ELSE 'SET' END)
          OR pg_has_role(migrator.oid, 'MEMBER WITH ADMIN OPTION')
          OR (version < 16 AND me.rolcreaterole)
        FROM pg_roles migrator WHERE rolname = 'latchkey_migrator'
      ) AS can_become_migrator,
      pg_has_role(datdba, 'USAGE') AS owns_database
    FROM server, pg_roles me, pg_database
    WHERE me.rolname = current_user AND datname = current_database()`
  return rights
}
