import type { Sql } from '@latchkey/platform/database/client'

export async function hasDatabase(sql: Sql, name: string): Promise<boolean> {
  const rows = await sql`SELECT FROM pg_database WHERE datname = ${name}`
  return rows.length > 0
}

export async function createDatabase(sql: Sql, name: string, owner: string): Promise<void> {
  await sql`CREATE DATABASE ${sql(name)} OWNER ${sql(owner)}`
}

/** A role that may make roles and owns what it makes, and no superuser: those read files and start programs through SQL. */
export async function createOwner(sql: Sql, name: string, password: string): Promise<void> {
  await sql.begin(async (transaction) => {
    // CREATE ROLE takes no parameters; format() quotes.
    await transaction`SELECT set_config('latchkey.owner', ${name}, true), set_config('latchkey.password', ${password}, true)`
    await transaction`DO $$ BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN CREATEROLE PASSWORD %L',
        current_setting('latchkey.owner'), current_setting('latchkey.password'));
    END $$`
  })
}

export async function hasRole(sql: Sql, name: string): Promise<boolean> {
  const rows = await sql`SELECT FROM pg_roles WHERE rolname = ${name}`
  return rows.length > 0
}
