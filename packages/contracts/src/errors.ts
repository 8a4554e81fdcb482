/**
 * Every problem Latchkey answers with, by its stable code. docs/errors.md is checked against this table.
 * Clients branch on `code`; `title` is for people and may be reworded.
 */
export const problems = {
  validation_failed: { status: 400, title: 'The request is not valid' },
  malformed_body: { status: 400, title: 'The request body cannot be read' },
  password_rejected: { status: 400, title: 'The password cannot be used' },
  passkey_rejected: { status: 400, title: 'The passkey cannot be used' },
  one_time_token_invalid: { status: 400, title: 'The link or code is no longer valid' },
  invalid_credentials: { status: 401, title: 'The credentials are not right' },
  identity_refused: { status: 401, title: 'The sign-in at the provider did not succeed' },
  token_missing: { status: 401, title: 'An access token is required' },
  token_invalid: { status: 401, title: 'The access token is not valid' },
  token_expired: { status: 401, title: 'The access token has expired' },
  session_revoked: { status: 401, title: 'The session has ended' },
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid' },
  refresh_token_reused: { status: 401, title: 'The refresh token was used before' },
  mfa_code_invalid: { status: 401, title: 'The code is not right' },
  client_invalid: { status: 401, title: 'The client is not known' },
  forbidden: { status: 403, title: 'This is not allowed' },
  step_up_required: { status: 403, title: 'Fresh authentication is required' },
  mfa_required: { status: 403, title: 'A second factor is required' },
  identity_email_unproven: {
    status: 403,
    title: 'The provider does not vouch for an e-mail address',
  },
  registration_required: { status: 403, title: 'An account needs more than the provider tells' },
  csrf_invalid: { status: 403, title: 'The request could not be tied to this session' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The method is not supported here' },
  refresh_superseded: { status: 409, title: 'This refresh was already answered' },
  email_taken: { status: 409, title: 'The e-mail address is in use' },
  username_taken: { status: 409, title: 'The username is in use' },
  account_exists_link_required: { status: 409, title: 'An account has this e-mail address' },
  identity_taken: { status: 409, title: 'This sign-in belongs to another account' },
  trait_taken: { status: 409, title: 'A value that must be unique is in use' },
  too_many_passkeys: { status: 409, title: 'There are too many passkeys' },
  last_admin: { status: 409, title: 'The last admin stays' },
  last_way_in: { status: 409, title: 'The last way to sign in stays' },
  payload_too_large: { status: 413, title: 'The request body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  rate_limited: { status: 429, title: 'Too many requests' },
  too_many_attempts: { status: 429, title: 'Too many failed attempts' },
  headers_too_large: { status: 431, title: 'The request headers are too large' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  unavailable: { status: 503, title: 'The service is briefly unavailable' },
  provider_unavailable: { status: 503, title: 'The provider does not answer' },
  overloaded: { status: 503, title: 'The service is busy' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof problems

/** One field that failed validation. `path` is a JSON Pointer into the body, query or path parameters. */
export interface FieldError {
  path: string
  message: string
}

/** An error with a public half (code, detail, errors) and a private half (`cause`, for the log only). */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly errors: readonly FieldError[] | undefined
  /** Seconds for `Retry-After`; set on every 429 and 503. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    detail: string = problems[code].title,
    options: { cause?: unknown; errors?: readonly FieldError[]; retryAfterSeconds?: number } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.status = problems[code].status
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.status === 503 ? 1 : undefined)
  }
}
