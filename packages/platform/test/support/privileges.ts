import type { Sql } from '@latchkey/platform/database/client'
import type { Test } from 'tap'
import { codeOf } from './database.js'

const insufficientPrivilege = '42501'

export async function isForbidden(t: Test, sql: Sql, statements: readonly string[]): Promise<void> {
  for (const statement of statements)
    t.equal(await codeOf(sql.unsafe(statement)), insufficientPrivilege, statement)
}

export async function isAllowed(t: Test, sql: Sql, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await t.resolves(Promise.resolve(sql.unsafe(statement)), statement)
}

/** What a role would do that wants more than it has. */
export const attacksOnDatabase = [
  'CREATE TRIGGER spy AFTER INSERT ON users EXECUTE FUNCTION suppress_redundant_updates_trigger()',
  'TRUNCATE outbox',
  'SELECT 1 FROM schema_migrations',
  'DELETE FROM schema_migrations',
  'CREATE TABLE public.mine (id int)',
  'CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
  'CREATE VIEW public.mine AS SELECT 1',
  'CREATE SCHEMA mine',
  'CREATE ROLE mine',
  `ALTER ROLE CURRENT_USER LOGIN`,
  `COPY (SELECT 1) TO PROGRAM 'true'`,
  `SELECT pg_read_file('postgresql.conf')`,
  'ALTER SYSTEM SET log_statement = none',
]
