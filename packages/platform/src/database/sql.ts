import type postgres from 'postgres'
import { textArrayOid } from './array-types.js'
import { createDriver, routeQuery, type DriverOptions, type DriverQuery, type DriverSql } from './driver.js'
import type { FixedStatement } from './fixed-statement.js'
import { readStatement, statementOf, type Statement } from './statement.js'

/**
 * Runs statements, on the pool or in a transaction alike. Columns arrive in camelCase, int8 as bigint, NULL as null.
 * An interpolated fragment becomes part of the statement; anything else is a parameter. Arrays of texts or ids go as they are,
 * others need `sql.array(values, oid)`, because the driver would take `${[buffer]}` for one buffer.
 */
export interface Sql extends postgres.ISql<{ bigint: bigint }> {
  /**
   * Commits when `work` fulfils and rolls back when it rejects; inside a transaction it joins that one.
   * Take care that nothing but statements is awaited in it: it keeps a connection and locks from others.
   */
  begin<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Sends a statement that was put together once, for what is called too often to do that each time. */
  run<Parameters, Row>(statement: FixedStatement<Parameters, Row>, parameters: Parameters): Promise<Row[]>
  /** Not offered: they would go past the pool. */
  readonly file: never
  readonly notify: never
}

/** A part of a statement, for another one to set in. */
export type SqlFragment = postgres.PendingQuery<postgres.Row[]>

const prepared = { prepare: true }

export type Submit = (query: DriverQuery, statement: Statement) => void

/** Writes statements in the driver's language and never connects. */
export function createStatementLanguage(options: DriverOptions): DriverSql {
  const openSocket = () => {
    throw new Error('statements are sent by the pool')
  }
  return createDriver(options, { openSocket, onClose: () => {} })
}

/** Statements that are written by `language` and sent by `submit`, when they are awaited and only then. */
export function createSql(language: DriverSql, submit: Submit, begin: Sql['begin']): Sql {
  // A plain call: one through Reflect.apply costs a microsecond and three times the garbage.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const write = language as unknown as (first: unknown, ...rest: readonly unknown[]) => unknown
  const sql = (first: unknown, ...rest: unknown[]): unknown => {
    const made = write(first, ...rest)
    if (!isTemplate(first)) return made
    const statement = statementOf(first, sql)
    return routeQuery(made, (query) => submit(query, statement))
  }
  const methods: Pick<Sql, 'run' | 'unsafe' | 'array' | 'json' | 'typed' | 'types' | 'begin'> = {
    run: <Parameters, Row>(fixed: FixedStatement<Parameters, Row>, parameters: Parameters) => {
      const query = language.unsafe<(Row & postgres.Row)[]>(fixed.text, fixed.valuesOf(parameters), prepared)
      return routeQuery(query, (sent) => submit(sent, fixed.statement))
    },
    unsafe: (text, parameters, options) => {
      const statement = readStatement(text, methods.unsafe)
      return routeQuery(language.unsafe(text, parameters, options), (query) => submit(query, statement))
    },
    array: (values, type = textArrayOid) => language.array(values, type),
    json: (value) => language.json(value),
    typed: language.typed,
    types: language.types,
    begin,
  }
  // It passes on what the driver's overloads take and answer, which no type of a forwarding function can say.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.assign(sql, methods) as unknown as Sql
}

function isTemplate(value: unknown): value is TemplateStringsArray {
  return Array.isArray(value) && 'raw' in value
}
