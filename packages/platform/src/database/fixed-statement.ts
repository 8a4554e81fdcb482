import type postgres from 'postgres'
import type { Sql, SqlFragment } from './sql.js'
import { readStatement, type Statement } from './statement.js'

/** A statement that is the same text at every call. Run by `sql.run`. */
export interface FixedStatement<Parameters, Row> {
  readonly text: string
  readonly statement: Statement
  readonly valuesOf: (parameters: Parameters) => postgres.ParameterOrJSON<bigint>[]
  /** Only for the compiler. */
  readonly row?: Row
}

/** To the end of the line, which is about to go. */
const comments = /(?<=^|\s)--\s.*$/gm

interface Fragment {
  readonly strings: readonly string[]
  readonly values: readonly unknown[]
}

/**
 * Puts a statement together once, of the same fragments as any other. The driver does that at each call, which is a fifth of what a
 * refresh costs. `write` sees a stand-in for the parameters: it may set them, or parts of them, into the statement, and must decide
 * nothing by them, not even by `=== null`. What else it sets in is the same at every call.
 */
export function fixedStatement<Parameters extends object, Row>(
  write: (sql: Sql, parameters: Parameters) => SqlFragment,
): FixedStatement<Parameters, Row> {
  const fragments = new WeakSet<object>()
  const paths = new WeakMap<object, readonly string[]>()
  const readers: ((given: object) => unknown)[] = []

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
    const isObject = typeof value === 'object' && value !== null
    if (isObject && isFragment(value))
      return value.strings.reduce((text, next, index) => text + flatten(value.values[index - 1]) + next)
    const path = isObject ? paths.get(value) : undefined
    return `$${readers.push(path === undefined ? () => value : readerOf(path))}`
  }

  // `write` asks of both no more than what the stand-ins can do, or is told so right away.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const text = flatten(write(fragment as unknown as Sql, standIn([]) as Parameters))
    .replace(comments, '')
    .replace(/\s+/g, ' ')
    .trim()
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
