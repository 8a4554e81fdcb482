import { AppError } from '@latchkey/contracts/errors'
import type { FastifyRequest } from 'fastify'
import type { AccessTokenPayload } from '../access-token-claims.js'
import type { App, Caller } from '../app-types.js'
import type { Deps } from '../deps.js'
import { readBearer } from './bearer.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Null on a route with `auth: 'none'`, and for nobody on one with `auth: 'optional'`. */
    caller: Caller | null
  }
}

/** The caller of a route with `auth: 'session'`, which is never reached without one. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('The route does not declare auth: session')
  return request.caller
}

/** A revocation check under way, for a token that was verified before. */
export interface PendingCheck {
  readonly caller: Caller
  readonly answer: Promise<'live' | 'revoked'>
}

export interface Authentication {
  /**
   * Asks the revocation list at once when this exact token was verified before, so that its command and the limiter's travel to
   * Redis together. Null when there is nothing to ask yet. Never throws: the limiter counts a request before it is refused.
   */
  begin(request: FastifyRequest): PendingCheck | null
  /** Who calls, or null for nobody. Throws token_missing, token_invalid, token_expired or session_revoked. */
  finish(request: FastifyRequest, pending: PendingCheck | null): Promise<Caller | null>
}

interface Credential {
  readonly via: Caller['via']
  readonly token: string
}

export function createAuthentication(app: App, { revocations }: Pick<Deps, 'revocations'>): Authentication {
  function ask(payload: AccessTokenPayload, via: Caller['via']): PendingCheck {
    const caller = callerFrom(payload, via)
    return { caller, answer: revocations.check(caller.sessionId, caller.generation) }
  }

  return {
    begin(request) {
      const credential = findCredential(app, request)
      if (credential === null || credential === 'malformed') return null
      const found = app.findVerifiedAccessToken(credential.token)
      if (found === null) return null
      const pending = ask(found.payload, credential.via)
      pending.answer.catch(() => undefined) // `finish` sees the failure; a request that the limiter refuses drops it
      return pending
    },
    async finish(request, pending) {
      let check = pending
      if (check === null) {
        const credential = findCredential(app, request)
        if (credential === null && request.routeOptions.config.auth === 'optional') return null
        if (credential === null) throw new AppError('token_missing')
        if (credential === 'malformed') throw new AppError('token_invalid')
        check = ask((await app.verifyAccessToken(credential.token)).payload, credential.via)
      }
      if ((await check.answer) === 'revoked') throw new AppError('session_revoked')
      return check.caller
    },
  }
}

/**
 * The bearer or, only where no Authorization header was sent, the cookie. Where a caller is optional a cookie is none yet: the
 * browser sends it unasked, and the route knows what it means there.
 */
function findCredential(app: App, request: FastifyRequest): Credential | 'malformed' | null {
  const bearer = readBearer(request.raw)
  if (bearer.kind === 'token') return { via: 'bearer', token: bearer.token }
  if (bearer.kind === 'malformed') return 'malformed'
  if (request.routeOptions.config.auth === 'optional') return null
  const cookie = app.cookieSessions.readAccessToken(request)
  if (cookie.kind === 'value') return { via: 'cookie', token: cookie.value }
  return cookie.kind === 'twice' ? 'malformed' : null
}

function callerFrom(payload: AccessTokenPayload, via: Caller['via']): Caller {
  return {
    via,
    userId: payload.sub,
    sessionId: payload.sid,
    generation: payload.gen,
    roles: payload.roles,
    aal: payload.aal,
    amr: payload.amr,
    authTime: payload.auth_time,
  }
}
