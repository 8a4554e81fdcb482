// A whitelist, because drivers hang values on their errors: postgres.js `query`, `parameters` and `args`, PostgreSQL's own
// `detail`, `where` and `internal_query`, and the arguments in the `command` of ioredis.
const loggedProperties = [
  'code',
  'status',
  'statusCode',
  'errno',
  'syscall',
  'address',
  'port',
  'severity',
  'schema_name',
  'table_name',
  'column_name',
  'constraint_name',
  'routine',
] as const

// A chain of causes that is longer, or that bites its own tail, is cut here.
const maxDepth = 5

// Escape sequences would reach the terminal of whoever reads a stack trace, and a carriage return overwrites a line there.
// oxlint-disable-next-line no-control-regex -- control characters are what it is to find
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** What a log line keeps of an error: its kind, message, stack, code and causes, and no value that it was about. */
export function serializeError(error: Error, depth = 0): Record<string, unknown> {
  const serialized: Record<string, unknown> = {
    type: error.constructor.name || error.name,
    message: withoutControls(error.message),
    stack: withoutControls(error.stack ?? ''),
  }
  for (const name of loggedProperties) {
    const value: unknown = Reflect.get(error, name)
    if (typeof value === 'string' || typeof value === 'number') serialized[name] = value
  }
  const command = commandName(Reflect.get(error, 'command'))
  if (command !== null) serialized['command'] = command
  if (depth >= maxDepth) return serialized
  if (error.cause instanceof Error) serialized['cause'] = serializeError(error.cause, depth + 1)
  if (error instanceof AggregateError) {
    serialized['errors'] = error.errors
      .filter((inner) => inner instanceof Error)
      .slice(0, maxDepth)
      .map((inner) => serializeError(inner, depth + 1))
  }
  return serialized
}

function commandName(command: unknown): string | null {
  const isCommand = typeof command === 'object' && command !== null && 'name' in command
  return isCommand && typeof command.name === 'string' ? command.name : null
}

function withoutControls(text: string): string {
  return text.replace(controlCharacters, '\ufffd')
}
