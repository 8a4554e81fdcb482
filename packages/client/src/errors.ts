import type { ErrorCode } from '@latchkey/contracts/errors'
import type { Problem } from '@latchkey/contracts/http/answers'

/** What the server said (docs/errors.md), or what kept the request from it. */
export type ClientErrorCode =
  | ErrorCode
  /** No answer, or none of Latchkey's. */
  | 'network'
  /** Nobody is signed in, or not any more. */
  | 'signed_out'
  /** Somebody else has signed in since the request was made. */
  | 'session_changed'

export class LatchkeyError extends Error {
  readonly code: ClientErrorCode
  /** Of the answer; 0 without one. */
  readonly status: number
  /** What else the answer says: `errors`, `methods`, `errorId`. */
  readonly problem: Problem | null
  /** Milliseconds until it makes sense to try again; null where nobody said. */
  readonly retryAfterMs: number | null

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { status?: number; problem?: Problem; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LatchkeyError'
    this.code = code
    this.status = options.status ?? 0
    this.problem = options.problem ?? null
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}
