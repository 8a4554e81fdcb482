/** What metrics say of a statement. Bounded by our own code: no value and nothing that a client sends gets in. */
export interface StatementLabel {
  readonly operation: 'select' | 'insert' | 'update' | 'delete' | 'commit' | 'other'
  readonly table: string
}

export interface Statement extends StatementLabel {
  /** Where it stands in the source, as lines of a stack: an error that comes from a socket does not know. */
  readonly origin: string
}

// Not the locks of `FOR UPDATE OF s`, nor `DO UPDATE SET`; not the FROM of `extract(epoch FROM now())` and its like.
const change = /\b(?:(insert)\s+into|(?<!\b(?:for|do)\s+)(update)|delete\s+from)\s+([a-z_]+)/i
const read = /\b(select)\b(?:[^]*?\bfrom\s+([a-z_]+)(?![\w(.]))?/i

type Tag = (...args: never[]) => unknown

const statements = new WeakMap<TemplateStringsArray, Statement>()

/** One template in the source is one array of strings for good, so it is looked at once. `tag` is what was called with it. */
export function statementOf(strings: TemplateStringsArray, tag: Tag): Statement {
  const known = statements.get(strings)
  if (known !== undefined) return known
  const statement = readStatement(strings.join('$'), tag)
  statements.set(strings, statement)
  return statement
}

export function readStatement(text: string, tag: Tag): Statement {
  const trace = { stack: '' }
  Error.captureStackTrace(trace, tag)
  const origin = trace.stack.split('\n').slice(1, 4).join('\n')
  return { ...readLabel(text), origin: `\n${origin}` }
}

/** A statement with several parts is named after its first change, else after the first table it reads. */
export function readLabel(text: string): StatementLabel {
  const [, inserted, updated, changed] = change.exec(text) ?? []
  if (changed !== undefined) {
    const operation = inserted !== undefined ? 'insert' : updated !== undefined ? 'update' : 'delete'
    return { operation, table: changed.toLowerCase() }
  }
  const [, selected, table] = read.exec(text) ?? []
  return selected === undefined
    ? { operation: 'other', table: 'none' }
    : { operation: 'select', table: table?.toLowerCase() ?? 'none' }
}
