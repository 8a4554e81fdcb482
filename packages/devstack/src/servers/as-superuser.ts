import { connectDatabase, type Sql } from '@latchkey/platform/database/client'

/** Does `work` over one connection to one of our own servers, and closes it. */
export async function asSuperuser<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const config = {
    databaseUrl: url,
    databaseUrlTransaction: url,
    dbSsl: null,
    dbPoolMax: 1,
    dbIdleTimeoutMs: 30_000,
    dbConnTimeoutMs: 10_000,
    dbStatementTimeoutMs: 60_000, // CREATE DATABASE copies files
  }
  const sql = connectDatabase(config, { role: null, pool: 'session', applicationName: 'latchkey-devstack' })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

/** The same server and user, another database. */
export function withDatabase(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}
