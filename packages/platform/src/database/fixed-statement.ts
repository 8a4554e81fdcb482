import type postgres from 'postgres'
import type { Sql } from './sql.js'
import { readStatement, type Statement } from './statement.js'

/** A statement that is the same text at every call. Run by `sql.run`. */
export interface FixedStatement<Parameters, Row> {
  readonly text: string
  readonly statement: Statement
  readonly valuesOf: (parameters: Parameters) => postgres.ParameterOrJSON<bigint>[]
  /** Only for the compiler. */
  readonly row?: Row
}

interface Fragment {
  readonly strings: readonly string[]
  readonly values: readonly unknown[]
}

/**
 * Puts a statement together once, of the same fragments as any other. The driver does that at each call, which is a fifth of what a
 * refresh costs. `write` sees a stand-in for the parameters: it may only set them, or parts of them, into the statement.
 */
export function fixedStatement<Parameters extends object, Row>(
  write: (sql: Sql, parameters: Parameters) => unknown,
): FixedStatement<Parameters, Row> {
  const fragments = new WeakSet<object>()
  const paths = new WeakMap<object, readonly string[]>()
  const parameters: (readonly string[])[] = []

  const fragment = (strings: TemplateStringsArray, ...values: unknown[]): Fragment => {
    const made = { strings, values }
    fragments.add(made)
    return made
  }
  const standIn = (path: readonly string[]): object => {
    const get = (_: object, name: string | symbol): object => {
      if (typeof name === 'symbol') throw new TypeError(`${path.join('.')} is looked at in a fixed statement`)
      return standIn([...path, name])
    }
    const made = new Proxy({}, { get })
    paths.set(made, path)
    return made
  }
  const isFragment = (value: object): value is Fragment => fragments.has(value)

  const flatten = (value: unknown): string => {
    if (typeof value !== 'object' || value === null)
      throw new TypeError('a fixed statement is of fragments and parameters alone')
    if (isFragment(value))
      return value.strings.reduce((text, next, index) => text + flatten(value.values[index - 1]) + next)
    const path = paths.get(value)
    if (path === undefined) throw new TypeError('a fixed statement is of fragments and parameters alone')
    return `$${parameters.push(path)}`
  }

  // `write` asks of both no more than what the stand-ins can do, or is told so right away.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const text = flatten(write(fragment as unknown as Sql, standIn([]) as Parameters))
    .replace(/\s+/g, ' ')
    .trim()
  const readers = parameters.map(readerOf)
  return {
    text,
    statement: readStatement(text, fixedStatement),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of `write` have said what they are
    valuesOf: (given) => readers.map((read) => read(given)) as postgres.ParameterOrJSON<bigint>[],
  }
}

function readerOf(path: readonly string[]): (from: object) => unknown {
  return (from) => {
    let value: unknown = from
    for (const name of path) value = Reflect.get(Object(value), name)
    return value
  }
}
