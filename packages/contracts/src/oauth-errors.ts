import { AppError } from './errors.js'

/**
 * What `/oauth2` answers in `error` (RFC 6749, 5.2; RFC 7009, 2.2.1), and why. docs/errors.md is checked against this table.
 * The last two are of RFC 6749, 4.1.2.1, which is where OAuth has words for a server in trouble.
 */
export const oauthErrors = {
  invalid_request: 'A parameter is missing, malformed or sent twice',
  invalid_client: 'The client is not known or its secret is not right',
  unauthorized_client: 'The client may not do this',
  unsupported_grant_type: 'The grant type is not supported',
  invalid_scope: 'The scope is not one of the client',
  unsupported_token_type: 'Tokens of this kind cannot be revoked',
  temporarily_unavailable: 'Try again in a moment',
  server_error: 'Something went wrong on our side',
} as const
export type OAuthErrorCode = keyof typeof oauthErrors

/** A refusal that OAuth has a code of its own for. */
export class OAuthError extends AppError {
  readonly error: OAuthErrorCode

  /** `description` is ASCII without quotes and backslashes (RFC 6749, 5.2). */
  constructor(error: OAuthErrorCode, description: string = oauthErrors[error]) {
    super(error === 'invalid_client' ? 'client_invalid' : 'validation_failed', description)
    this.name = 'OAuthError'
    this.error = error
  }
}

/** The code for any refusal. Routes under `/oauth2` take no bearer, so that a 401 is always the client's. */
export function oauthErrorCodeOf(error: AppError): OAuthErrorCode {
  if (error instanceof OAuthError) return error.error
  if (error.status === 401) return 'invalid_client'
  if (error.status === 429 || error.status === 503) return 'temporarily_unavailable'
  return error.status >= 500 ? 'server_error' : 'invalid_request'
}
