import { AppError } from '@latchkey/contracts/errors'
import { oauthErrorCodeOf, oauthErrors } from '@latchkey/contracts/oauth-errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import { recordRefusal } from './errors.js'
import { problemHeaders } from './problems.js'

/**
 * In this part of the api whatever is refused, by whichever plugin, is refused in the words of OAuth (RFC 6749, 5.2). The status is the
 * one that HTTP has for it. To be called in a plugin with a prefix: paths under it that nothing answers are refused alike.
 */
export function registerOAuthErrors(app: App): void {
  app.setErrorHandler((error, request, reply) => {
    sendOAuthError(error, request, reply)
  })
  // So that the refusals of plugins/unknown-routes.ts come here; it refuses before this is reached.
  app.setNotFoundHandler(() => {
    throw new AppError('not_found')
  })
}

function sendOAuthError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = recordRefusal(error, request)
  const headers = problemHeaders(refusal)
  headers['content-type'] = 'application/json; charset=utf-8'
  // RFC 6749, 5.2: the scheme that the client may use. Both are told alike to a client that tried neither.
  if (refusal.status === 401) headers['www-authenticate'] = 'Basic realm="latchkey", charset="UTF-8"'
  const body = { error: oauthErrorCodeOf(refusal), error_description: descriptionOf(refusal) }
  void reply.code(refusal.status).headers(headers).send(JSON.stringify(body))
}

/** Printable ASCII without quotes and backslashes is all that may stand there. What broke inside is for the log. */
function descriptionOf({ code, message }: { code: string; message: string }): string {
  if (code === 'unsupported_media_type') return 'Send application/x-www-form-urlencoded in UTF-8.'
  if (code === 'internal_error') return oauthErrors.server_error
  return message.replaceAll(/[^ -~]|["\\]/g, "'")
}
