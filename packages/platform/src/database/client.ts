import { performance } from 'node:perf_hooks'
import type { Config } from '../config/config.js'
import type { Connection } from './connection.js'
import { parseDatabaseUrl } from './database-url.js'
import type { DriverQuery } from './driver.js'
import { createPool, type PoolStatistics } from './pool.js'
import { createSql, createStatementLanguage, type Sql, type Submit } from './sql.js'
import type { Statement, StatementLabel } from './statement.js'

export type { PoolStatistics } from './pool.js'
export type { Sql, SqlFragment } from './sql.js'
export type { StatementLabel } from './statement.js'

export type DatabaseRole = 'latchkey_api' | 'latchkey_worker'

/** A pool of connections. */
export interface Database extends Sql {
  /**
   * Gives `work` a connection to itself, for what PostgreSQL keeps with a session, such as an advisory lock. The connection is
   * closed afterwards, so that nothing of it stays behind; when it breaks, every later statement of `work` fails.
   */
  session<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  statistics(): PoolStatistics
  /** Refuses new work, waits up to `timeout` seconds for what is under way, then closes every connection. */
  end(options?: { timeout?: number }): Promise<void>
}

/** One statement that was sent or refused: how long PostgreSQL took, without the wait for a connection; its error or null. */
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

  const acquire = () =>
    new Promise<Connection>((grant, refuse) => {
      pool.acquire(grant, refuse)
    })

  function send(connection: Connection, query: DriverQuery, statement: Statement, onDone: () => void): void {
    const startedMs = performance.now()
    connection.send(query, (error) => {
      if (error instanceof Error) tellOrigin(error, statement)
      observe(statement, (performance.now() - startedMs) / 1000, error)
      onDone()
    })
  }

  const sendOnPool: Submit = (query, statement) => {
    pool.acquire(
      (connection) => {
        send(connection, query, statement, () => pool.release(connection))
      },
      (error) => {
        observe(statement, 0, error)
        query.reject(error)
      },
    )
  }

  /** Until `end` is called: afterwards the connection may be somebody else's. */
  function sendOn(connection: Connection): { submit: Submit; end: () => void } {
    let isOver = false
    return {
      submit(query, statement) {
        if (isOver) query.reject(new Error('a statement came after the end of its transaction or session'))
        else send(connection, query, statement, () => {})
      },
      end: () => (isOver = true),
    }
  }

  async function begin<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const connection = await acquire()
    try {
      return await runTransaction(connection, work)
    } finally {
      pool.release(connection)
    }
  }

  async function runTransaction<T>(connection: Connection, work: (sql: Sql) => Promise<T>): Promise<T> {
    const { submit, end } = sendOn(connection)
    const transaction: Sql = createSql(language, submit, (inner) => inner(transaction))
    await connection.command('BEGIN')
    let result: T
    try {
      result = await work(transaction)
    } catch (error) {
      end()
      await rollBack(connection)
      throw error
    }
    end()
    const startedMs = performance.now()
    const tag = await connection.command('COMMIT')
    observe(commit, (performance.now() - startedMs) / 1000, null)
    if (tag !== 'COMMIT')
      throw new Error('a statement failed unseen, so PostgreSQL rolled the transaction back')
    return result
  }

  async function session<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const connection = await acquire()
    const { submit, end } = sendOn(connection)
    try {
      return await work(createSql(language, submit, (inner) => runTransaction(connection, inner)))
    } finally {
      end()
      await connection.close()
    }
  }

  return Object.assign(createSql(language, sendOnPool, begin), {
    session,
    statistics: () => pool.statistics(),
    end: ({ timeout = config.dbStatementTimeoutMs / 1000 } = {}) => pool.close(timeout * 1000),
  })
}

/** By definition, because the driver has defined it: from Node 21 on, what it leaves cannot be assigned to. */
function tellOrigin(error: Error, { origin }: Statement): void {
  Object.defineProperty(error, 'stack', {
    value: `${error.stack}${origin}`,
    configurable: true,
    writable: true,
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
