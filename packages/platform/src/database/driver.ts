import type { Socket } from 'node:net'
import postgres from 'postgres'
import { arrayTypes } from './array-types.js'
import type { DatabaseAddress } from './database-url.js'

export interface DriverOptions {
  readonly address: DatabaseAddress
  readonly applicationName: string
  /** Set on every connection; null keeps the rights of the URL's user. */
  readonly role: string | null
  /** PostgreSQL cancels a statement after this; zero never. */
  readonly statementTimeoutMs: number
}

export type DriverSql = postgres.Sql<{ bigint: bigint }>

/** The part of a postgres.js query that the pool needs. */
export interface DriverQuery extends PromiseLike<postgres.RowList<postgres.Row[]>> {
  /** Called once by the driver, with the query itself, when it is to be sent. */
  handler: (query: DriverQuery) => void
  reject: (reason: Error) => void
}

// A row lock is held for the length of one statement or a short transaction. Who waits longer had better be told to retry.
const maxLockWaitMs = 2000

/**
 * One driver for one connection: `connection.openSocket` is called when it connects, and once more, where it has to throw, when
 * the server hung up before it was ready. `connection.onClose` says that it has ended.
 *
 * The driver's own pool is not used, because in 3.4.9 it queues without bound, sends what it has queued even when nobody waits
 * for it any more, gives no figures, and reuses connection objects that a broken socket left unusable or fatal to the process
 * (porsager/postgres#1154, #1208).
 */
export function createDriver(
  { address, applicationName, role, statementTimeoutMs }: DriverOptions,
  connection: { openSocket: () => Socket; onClose: () => void },
): DriverSql {
  // Every option that the driver would read from PG* variables is given, whatever it is.
  const options = {
    host: address.host,
    port: address.port,
    ...(address.socketPath === null ? {} : { path: address.socketPath }),
    user: address.user,
    password: () => address.password,
    database: address.database,
    ssl: address.tls,
    sslnegotiation: null,
    socket: connection.openSocket,
    max: 1,
    max_pipeline: 100,
    max_lifetime: null,
    idle_timeout: undefined,
    connect_timeout: 0,
    backoff: () => 0,
    keep_alive: 30,
    prepare: true,
    debug: false,
    fetch_types: false,
    publications: '',
    target_session_attrs: 'read-write' as const,
    types: { bigint: postgres.BigInt, ...arrayTypes },
    // Column names only: postgres.camel would also rename the keys inside JSON values.
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } },
    connection: {
      application_name: applicationName,
      DateStyle: 'ISO, YMD',
      TimeZone: 'UTC',
      statement_timeout: statementTimeoutMs,
      lock_timeout: Math.min(statementTimeoutMs, maxLockWaitMs),
      idle_in_transaction_session_timeout: statementTimeoutMs,
      ...(role === null || role === address.user ? {} : { role }),
    },
    onnotice: () => {},
    onclose: connection.onClose,
  }
  return postgres(options) as DriverSql
}

/**
 * Makes `submit` decide when and where a query is sent. The driver has no public way to do that; this is its one internal that
 * we lean on, checked here so that a version without it fails at once and not in an outage.
 */
export function routeQuery<Query>(query: Query, submit: (query: DriverQuery) => void): Query {
  assertDriverQuery(query)
  query.handler = submit
  return query
}

/** How the driver itself sends a query. */
export function driverHandler(driver: DriverSql): DriverQuery['handler'] {
  const query: unknown = driver``
  assertDriverQuery(query)
  return query.handler
}

function assertDriverQuery(query: unknown): asserts query is DriverQuery {
  const isAsExpected =
    query instanceof Promise &&
    'handler' in query &&
    typeof query.handler === 'function' &&
    'reject' in query &&
    typeof query.reject === 'function'
  if (!isAsExpected)
    throw new Error('this version of postgres.js sends queries in a way that the pool does not know')
}
