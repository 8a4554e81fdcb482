import { AppError } from '@latchkey/contracts/errors'
import type { FastifyRequest } from 'fastify'
import { LruMap } from 'toad-cache'
import type { App, Caller } from '../app-types.js'
import type { Deps } from '../deps.js'
import type { AccessTokenPayload } from './access-tokens.js'
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

const maxVerifiedTokens = 5000 // about 1 KiB each

interface VerifiedToken {
  readonly caller: Caller
  readonly kid: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
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

export function createAuthentication(
  app: App,
  { revocations, signingKeys, metrics }: Pick<Deps, 'revocations' | 'signingKeys' | 'metrics'>,
): Authentication {
  // Keyed by the whole token, so that no two tokens are taken for each other. It spares the signature and nothing else: a key
  // that was withdrawn, and above all a session that was revoked, end a token that is remembered here.
  const verifiedTokens = new LruMap<VerifiedToken>(maxVerifiedTokens)
  const hits = metrics.cacheHitsTotal.labels({ cache_type: 'access_token' })
  const misses = metrics.cacheMissesTotal.labels({ cache_type: 'access_token' })

  function findVerified(token: string): VerifiedToken | null {
    const found = verifiedTokens.get(token)
    if (found === undefined) return null
    if (found.expiresAt > Date.now() && signingKeys.verificationKey(found.kid) !== null) return found
    verifiedTokens.delete(token)
    return null
  }

  async function verify(token: string): Promise<Caller> {
    misses.inc()
    const { payload, kid } = await app.verifyAccessToken(token)
    const fresh = { caller: callerFrom(payload), kid, expiresAt: payload.exp * 1000 }
    if (fresh.expiresAt > Date.now()) verifiedTokens.set(token, fresh)
    return fresh.caller
  }

  function ask(caller: Caller): PendingCheck {
    return { caller, answer: revocations.check(caller.sessionId, caller.generation) }
  }

  return {
    begin(request) {
      const bearer = readBearer(request.raw)
      const found = bearer.kind === 'token' ? findVerified(bearer.token) : null
      if (found === null) return null
      hits.inc()
      const pending = ask(found.caller)
      pending.answer.catch(() => undefined) // `finish` sees the failure; a request that the limiter refuses drops it
      return pending
    },
    async finish(request, pending) {
      let check = pending
      if (check === null) {
        const bearer = readBearer(request.raw)
        if (bearer.kind === 'none' && request.routeOptions.config.auth === 'optional') return null
        if (bearer.kind === 'none') throw new AppError('token_missing')
        if (bearer.kind === 'malformed') throw new AppError('token_invalid')
        check = ask(await verify(bearer.token))
      }
      if ((await check.answer) === 'revoked') throw new AppError('session_revoked')
      return check.caller
    },
  }
}

function callerFrom(payload: AccessTokenPayload): Caller {
  return {
    userId: payload.sub,
    sessionId: payload.sid,
    generation: payload.gen,
    roles: payload.roles,
    aal: payload.aal,
    amr: payload.amr,
    authTime: payload.auth_time,
  }
}
