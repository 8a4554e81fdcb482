import { performance } from 'node:perf_hooks'
import type { Config } from '../config/config.js'
import { parseDatabaseUrl } from './database-url.js'
import type { Connection } from './connection.js'
import type { DriverQuery } from './driver.js'
import { createPool, type PoolStatistics } from './pool.js'
import { createSql, createStatementLanguage, type Sql } from './sql.js'
import type { Statement, StatementLabel } from './statement.js'

export type DatabaseRole = 'latchkey_api' | 'latchkey_worker'

export type { Sql } from './sql.js'

/** A pool of connections. */
export interface Database extends Sql {
  statistics(): PoolStatistics
  /** Refuses new work, waits up to `timeout` seconds for what is under way, then closes every connection. */
  end(options?: { timeout?: number }): Promise<void>
}

/** One statement that was sent: how long PostgreSQL took, without the wait for a connection, and its error or null. */
export type QueryObserver = (label: StatementLabel, durationSeconds: number, error: unknown) => void

export type DatabaseConfig = Pick<
  Config,
  | 'databaseUrl'
  | 'databaseUrlTransaction'
  | 'dbSsl'
  | 'dbPoolMax'
  | 'dbIdleTimeoutMs'
  | 'dbConnTimeoutMs'
  | 'dbStatementTimeoutMs'
>

export interface DatabaseOptions {
  /** Whose rights every connection has; null for those of the URL's user. */
  readonly role: DatabaseRole | null
  /** `session`: straight to PostgreSQL, for what lives longer than a transaction. `transaction`: possibly through PgBouncer. */
  readonly pool: 'session' | 'transaction'
  readonly applicationName: string
  readonly max?: number
  readonly onQuery?: QueryObserver
}

const commit: StatementLabel = { operation: 'commit', table: 'none' }

/** Connects on demand, never by itself. Throws when the URL cannot be used. */
export function connectDatabase(config: DatabaseConfig, options: DatabaseOptions): Database {
  const url = options.pool === 'session' ? config.databaseUrl : config.databaseUrlTransaction
  const poolOptions = {
    address: parseDatabaseUrl(url, config.dbSsl),
    applicationName: options.applicationName,
    role: options.role,
    max: options.max ?? config.dbPoolMax,
    idleTimeoutMs: config.dbIdleTimeoutMs,
    connectTimeoutMs: config.dbConnTimeoutMs,
    statementTimeoutMs: config.dbStatementTimeoutMs,
  }
  const pool = createPool(poolOptions)
  const language = createStatementLanguage(poolOptions)
  const observe = options.onQuery ?? (() => {})

  function send(connection: Connection, query: DriverQuery, statement: Statement, onDone: () => void): void {
    const startedMs = performance.now()
    connection.send(query, (error) => {
      if (error instanceof Error) error.stack += statement.origin
      observe(statement, (performance.now() - startedMs) / 1000, error)
      onDone()
    })
  }

  function sendOnPool(query: DriverQuery, statement: Statement): void {
    pool.acquire(
      (connection) => send(connection, query, statement, () => pool.release(connection)),
      (error) => {
        observe(statement, 0, error)
        query.reject(error)
      },
    )
  }

  async function begin<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const connection = await new Promise<Connection>((grant, refuse) => pool.acquire(grant, refuse))
    try {
      return await runTransaction(connection, work)
    } finally {
      pool.release(connection)
    }
  }

  async function runTransaction<T>(connection: Connection, work: (sql: Sql) => Promise<T>): Promise<T> {
    let isOver = false
    const transaction: Sql = createSql(
      language,
      (query, statement) => {
        // The connection may be somebody else's by now.
        if (isOver) query.reject(new Error('a statement came after the end of its transaction'))
        else send(connection, query, statement, () => {})
      },
      (inner) => inner(transaction),
    )
    await connection.command('BEGIN')
    let result: T
    try {
      result = await work(transaction)
    } catch (error) {
      isOver = true
      await rollBack(connection)
      throw error
    }
    isOver = true
    await commitOn(connection)
    return result
  }

  async function commitOn(connection: Connection): Promise<void> {
    const startedMs = performance.now()
    const tag = await connection.command('COMMIT')
    observe(commit, (performance.now() - startedMs) / 1000, null)
    if (tag !== 'COMMIT')
      throw new Error('a statement failed unseen, so PostgreSQL rolled the transaction back')
  }

  return Object.assign(createSql(language, sendOnPool, begin), {
    statistics: () => pool.statistics(),
    end: ({ timeout = config.dbStatementTimeoutMs / 1000 } = {}) => pool.close(timeout * 1000),
  })
}

async function rollBack(connection: Connection): Promise<void> {
  if (!connection.isUsable()) return
  try {
    await connection.command('ROLLBACK')
  } catch {
    await connection.close()
  }
}
