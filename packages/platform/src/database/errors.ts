import { AppError, type ErrorCode, type FieldError } from '@latchkey/contracts/errors'
import postgres from 'postgres'
import { PoolError } from './pool-error.js'

/** How a database error counts in metrics. */
export type DatabaseErrorType = 'unavailable' | 'timeout' | 'conflict' | 'constraint' | 'statement'

// PostgreSQL, appendix A. 08: the connection; 53: no connection, memory or disk left; 57P: shutting down, crashed, starting;
// 58: system error; 25006: read-only, as a server becomes by a failover; 25P03, 25P04: a transaction was idle or took too long.
const awayStates = /^(08|53|57P|58|25006|25P03|25P04)/

// 57014: cancelled, which is what the statement timeout does; 55P03: no lock in time.
const timeoutStates = /^(57014|55P03)$/

// Serialization failure and deadlock: the same again goes well.
const conflictStates = /^(40001|40P01)$/

// Of the driver and of Node, for a connection that breaks under a statement.
const brokenConnectionCodes =
  /^(CONNECTION_\w+|E(CONN(RESET|REFUSED|ABORTED)|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NETDOWN)|ERR_(STREAM|SSL|TLS)_\w+)$/

const takenCodes = {
  users_email_key: 'email_taken',
  users_username_key: 'username_taken',
  trait_values_name_value_key: 'trait_taken',
} as const

// Raised by our own functions, which say in their message why.
const refusalCodes: ReadonlyMap<string, ErrorCode> = new Map([
  ['LK001', 'forbidden'],
  ['LK002', 'forbidden'],
  ['LK003', 'last_admin'],
])

/**
 * What a client may be told of a database error: `unavailable` when the database did not answer and another try may go better,
 * `email_taken`, `username_taken` or `trait_taken`, or what a function of ours refuses. Null for anything else: a fault of ours, and a 500.
 */
export function toAppError(error: unknown): AppError | null {
  for (const [constraint, code] of Object.entries(takenCodes)) {
    if (isUniqueViolation(error, constraint))
      return new AppError(code, undefined, { cause: error, ...takenTrait(error) })
  }
  const refusal = refusalOf(error)
  if (refusal !== null) return refusal
  const type = databaseErrorType(error)
  if (type === 'constraint' || type === 'statement') return null
  return new AppError('unavailable', undefined, { cause: error, retryAfterSeconds: 1 })
}

/** Which of the traits it is, from `(name, value)=(gstin, …)` in whatever language: a name has no comma, and the value is nobody's business. */
function takenTrait(error: unknown): { errors: FieldError[] } | null {
  const detail = error instanceof postgres.PostgresError ? error.detail : undefined
  const [, name] = /\(name, value\)=\(([\w.-]+), /.exec(detail ?? '') ?? []
  return name === undefined ? null : { errors: [{ path: `/traits/${name}`, message: 'is in use' }] }
}

function refusalOf(error: unknown): AppError | null {
  if (!(error instanceof postgres.PostgresError)) return null
  const code = refusalCodes.get(error.code)
  return code === undefined ? null : new AppError(code, error.message, { cause: error })
}

export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return (
    error instanceof postgres.PostgresError && error.code === '23505' && error.constraint_name === constraint
  )
}

/** The login may not do this: an operator has given another's URL. */
export function isInsufficientPrivilege(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '42501'
}

export function databaseErrorType(error: unknown): DatabaseErrorType {
  if (error instanceof PoolError) return 'unavailable'
  if (error instanceof postgres.PostgresError) {
    if (timeoutStates.test(error.code)) return 'timeout'
    if (conflictStates.test(error.code) || isOfErasedUser(error)) return 'conflict'
    if (error.severity !== 'ERROR' || awayStates.test(error.code)) return 'unavailable'
    return error.code.startsWith('23') || refusalCodes.has(error.code) ? 'constraint' : 'statement'
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && brokenConnectionCodes.test(code) ? 'unavailable' : 'statement'
}

/** Its user was erased under the statement: the same again finds nobody. */
function isOfErasedUser({ code, constraint_name: constraint }: postgres.PostgresError): boolean {
  return code === '23503' && constraint?.endsWith('_user_id_fkey') === true
}

/** Whether the connection cannot be trusted after this error: only what PostgreSQL itself calls an ERROR leaves it whole. */
export function breaksConnection(error: unknown): boolean {
  return !(error instanceof postgres.PostgresError) || error.severity !== 'ERROR' || error.code === '25006'
}
