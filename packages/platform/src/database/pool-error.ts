export type PoolErrorCode =
  'CONNECT_FAILED' | 'CONNECTION_LOST' | 'POOL_TIMEOUT' | 'POOL_FULL' | 'POOL_CLOSED'

/** The pool could not have a statement answered. Only `CONNECTION_LOST` leaves open whether PostgreSQL has run it. */
export class PoolError extends Error {
  readonly code: PoolErrorCode

  constructor(code: PoolErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options)
    this.name = 'PoolError'
    this.code = code
  }
}
