import { Problem, RevokedCount, Session, SessionList } from '@latchkey/contracts/http/answers'
import { LogoutBody, RefreshBody } from '@latchkey/contracts/http/bodies'
import { Id } from '@latchkey/contracts/http/fields'
import { AppError } from '@latchkey/contracts/errors'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { findCookieSession } from './cookie-session.js'
import { listOwnSessions } from './list-own-sessions.js'
import { decodeRefreshToken } from './refresh-token.js'
import { endSession, logOut, logOutByRefreshToken, logOutEverywhere } from './revoke-sessions.js'
import { rotateRefreshToken } from './rotate-refresh-token.js'
import { sessionAnswer } from './session-answer.js'

const refusals = {
  superseded: 'refresh_superseded',
  reused: 'refresh_token_reused',
  device_changed: 'refresh_token_invalid',
  dead: 'refresh_token_invalid',
  forged: 'refresh_token_invalid',
} as const

const SessionId = Type.Object({ id: Id }, { additionalProperties: false })
const NoContent = Type.Null({ description: 'Done' })

/** A browser's cookie expires with its session; to be told so is to be signed out. */
function noRefreshToken({ useCookieSessions }: Deps['config']): AppError {
  if (useCookieSessions) return new AppError('refresh_token_invalid', 'No refresh token was sent.')
  return new AppError('validation_failed', undefined, {
    errors: [{ path: '/refreshToken', message: 'is required' }],
  })
}

export function sessionRoutes(app: App, deps: Deps): void {
  const cookieDeps = { ...deps, verifyAccessToken: app.verifyAccessToken }

  function refreshTokenOfCookie(request: FastifyRequest): string {
    const { refreshToken } = app.cookieSessions.tokensOf(request)
    if (refreshToken === null) throw noRefreshToken(deps.config)
    const sessionId = decodeRefreshToken(deps.keyring, refreshToken)?.sessionId ?? null
    app.cookieSessions.assertOwnRequest(request, { sessionId })
    return refreshToken
  }

  app.post('/refresh', {
    config: { auth: 'none', limit: 'refresh' },
    schema: {
      tags: ['sessions'],
      summary: 'Exchange a refresh token for the next one',
      description:
        'Send an Idempotency-Key (random, the same on each retry) so that a lost answer can be given again. ' +
        'Without a refresh token in the body the one in the cookie counts, and the answer comes in cookies.',
      security: [{}, { refreshCookie: [], csrfToken: [] }],
      body: Type.Optional(RefreshBody),
      response: {
        200: Session,
        400: Problem,
        401: Problem,
        403: Problem,
        409: Problem,
        429: Problem,
        503: Problem,
      },
    },
    handler: async (request, reply) => {
      const fromBody = request.body?.refreshToken
      const isCookie = fromBody === undefined
      const refreshToken = fromBody ?? refreshTokenOfCookie(request)
      const { outcome, session } = await rotateRefreshToken(deps, {
        refreshToken,
        idempotencyKey: request.headers['idempotency-key'],
        origin: originOf(request),
      })
      if (session === null) {
        if (isCookie && outcome !== 'superseded') app.cookieSessions.expire(reply)
        throw new AppError(refusals[outcome])
      }
      const answer = sessionAnswer(deps, app.signAccessToken, session)
      return isCookie ? app.cookieSessions.send(request, reply, answer) : answer
    },
  })

  app.post('/logout', {
    config: { auth: 'optional', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'End this session',
      description:
        'By the access token or, without one, by a refresh token of any generation; without either by the cookies.',
      body: Type.Union([LogoutBody, Type.Null()]),
      response: { 204: NoContent, 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const origin = originOf(request)
      const refreshToken = request.body?.refreshToken
      if (request.caller !== null) await logOut(deps, request.caller.sessionId, origin)
      else if (refreshToken !== undefined) await logOutByRefreshToken(deps, refreshToken, origin)
      else {
        const sessionId = await findCookieSession(cookieDeps, app.cookieSessions.tokensOf(request))
        if (sessionId === null) throw new AppError('token_missing')
        app.cookieSessions.assertOwnRequest(request, { sessionId })
        await logOut(deps, sessionId, origin)
        app.cookieSessions.clear(reply)
      }
      return reply.code(204).send(null)
    },
  })

  app.post('/logout-all', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'End all sessions, this one included',
      response: { 200: RevokedCount, 401: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const { userId, via } = callerOf(request)
      const revoked = await logOutEverywhere(deps, userId, originOf(request))
      if (via === 'cookie') app.cookieSessions.clear(reply)
      return { revoked }
    },
  })

  app.get('/sessions', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'The devices that are signed in',
      response: { 200: SessionList, 401: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request) => ({ sessions: await listOwnSessions(deps, callerOf(request)) }),
  })

  app.delete('/sessions/:id', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'End one session',
      params: SessionId,
      response: { 204: NoContent, 400: Problem, 401: Problem, 404: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const { userId } = callerOf(request)
      await endSession(deps, { sessionId: request.params.id, userId, origin: originOf(request) })
      return reply.code(204).send(null)
    },
  })
}
