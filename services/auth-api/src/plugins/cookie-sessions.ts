import { CookieSession, EnrolledCookieSession, type Session } from '@latchkey/contracts/http/answers'
import { AppError } from '@latchkey/contracts/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { createCsrfToken, isCsrfTokenOf } from './csrf-token.js'
import { createCsrfGuard, type CsrfGuard } from './csrf.js'
import {
  createSessionCookies,
  type SessionCookie,
  type SessionCookieName,
  type SessionCookies,
} from './session-cookies.js'

/** The tokens of a request's cookies, unchecked. A cookie that was sent twice is nobody's. */
export interface CookieTokens {
  readonly accessToken: string | null
  readonly refreshToken: string | null
}

/** Sessions of browsers, whose tokens no script sees. Without USE_COOKIE_SESSIONS no cookie is read or set. */
export interface CookieSessions extends CsrfGuard {
  readonly names: SessionCookies['names']
  /** Whether a sign-in asks for cookies. Throws validation_failed where there are none, csrf_invalid for a page of another origin. */
  isAskedFor(request: FastifyRequest): boolean
  /** The cookie that authenticates a request. */
  readAccessToken(request: FastifyRequest): SessionCookie
  /** All null for a request with an Authorization header: a bearer, good or bad, never falls back to cookies. */
  tokensOf(request: FastifyRequest): CookieTokens
  /**
   * The CSRF token for this session's pages, set as cookie: the one that they have, so that all tabs go on sharing it, or a new
   * one when that is of another session or secret. Throws csrf_invalid for a page of another origin.
   */
  giveCsrfToken(request: FastifyRequest, reply: FastifyReply, sessionId: string | null): string
  /** Answers a session without its tokens, which are set as cookies. */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    session: Session & { recoveryCodes?: string[] },
  ): FastifyReply
  /** Takes the cookies of a session that has ended back. */
  expire(reply: FastifyReply): void
  /** The same for one that was signed out, with whatever else of it a browser may keep. */
  clear(reply: FastifyReply): void
}

declare module 'fastify' {
  interface FastifyInstance {
    cookieSessions: CookieSessions
  }
}

const noTokens: CookieTokens = { accessToken: null, refreshToken: null }
const answerSchema = { ...CookieSession }
const enrolledSchema = { ...EnrolledCookieSession }
const nobody = { sessionId: null }

export function registerCookieSessions(app: App, deps: Deps): void {
  const { useCookieSessions, nodeEnv, refreshTtlSeconds } = deps.config
  const cookies = createSessionCookies(nodeEnv === 'production')
  const guard = createCsrfGuard(cookies, deps)

  function read(request: FastifyRequest, name: SessionCookieName): string | null {
    const cookie = cookies.read(request.raw, name)
    return cookie.kind === 'value' ? cookie.value : null
  }

  function csrfTokenFor(request: FastifyRequest, sessionId: string | null): string {
    const { current } = deps.keyring
    const present = read(request, 'csrfToken')
    const isStillGood = present !== null && isCsrfTokenOf([current], present, sessionId)
    return isStillGood ? present : createCsrfToken(current, sessionId)
  }

  app.decorate('cookieSessions', {
    ...guard,
    names: cookies.names,

    isAskedFor(request) {
      if (request.headers['x-session-mode'] === undefined) return false
      if (!useCookieSessions) {
        throw new AppError(
          'validation_failed',
          'Sessions in cookies are switched off: USE_COOKIE_SESSIONS.',
          {
            errors: [{ path: '/x-session-mode', message: 'is switched off' }],
          },
        )
      }
      // Whoever signs a browser in to an account of their own sees what its user does there: no token yet, but an Origin.
      guard.assertOwnPage(request, nobody)
      return true
    },

    readAccessToken: (request) =>
      useCookieSessions ? cookies.read(request.raw, 'accessToken') : { kind: 'none' },

    tokensOf(request) {
      if (!useCookieSessions || request.headers.authorization !== undefined) return noTokens
      return { accessToken: read(request, 'accessToken'), refreshToken: read(request, 'refreshToken') }
    },

    giveCsrfToken(request, reply, sessionId) {
      if (!useCookieSessions) return createCsrfToken(deps.keyring.current, sessionId)
      // A page of another site that only opens this address would otherwise change the token under our own pages.
      guard.assertOwnPage(request, { sessionId })
      const token = csrfTokenFor(request, sessionId)
      reply.header('set-cookie', cookies.write('csrfToken', token, refreshTtlSeconds))
      return token
    },

    send(request, reply, session) {
      reply.header('set-cookie', [
        cookies.write('accessToken', session.accessToken, session.expiresIn),
        cookies.write('refreshToken', session.refreshToken, session.refreshExpiresIn),
        cookies.write('csrfToken', csrfTokenFor(request, session.sessionId), refreshTtlSeconds),
      ])
      // By its own schema, so that the bearer's answer has one shape and is written as fast as ever.
      const { user, sessionId, expiresIn, refreshExpiresIn, recoveryCodes } = session
      const shown = { expiresIn, refreshExpiresIn, sessionId, user }
      const body =
        recoveryCodes === undefined
          ? reply.serializeInput(shown, answerSchema)
          : reply.serializeInput({ ...shown, recoveryCodes }, enrolledSchema)
      return reply.type('application/json; charset=utf-8').send(body)
    },

    expire(reply) {
      reply.header('set-cookie', cookies.expired)
    },

    clear(reply) {
      reply.header('set-cookie', cookies.expired)
      // Not "cookies": those would be all of the registrable domain's, those of the applications beside us too.
      reply.header('clear-site-data', '"cache", "storage"')
    },
  })
}
