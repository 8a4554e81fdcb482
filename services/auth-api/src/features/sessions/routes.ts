import { Problem, RevokedCount, Session, SessionList } from '@latchkey/contracts/http/answers'
import { LogoutBody, RefreshBody } from '@latchkey/contracts/http/bodies'
import { Id } from '@latchkey/contracts/http/fields'
import { AppError } from '@latchkey/contracts/errors'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { listOwnSessions } from './list-own-sessions.js'
import { endSession, logOut, logOutByRefreshToken, logOutEverywhere } from './revoke-sessions.js'
import { rotateRefreshToken } from './rotate-refresh-token.js'
import { sessionAnswer } from './session-answer.js'

const refusals = {
  superseded: 'refresh_superseded',
  reused: 'refresh_token_reused',
  dead: 'refresh_token_invalid',
  forged: 'refresh_token_invalid',
} as const

const SessionId = Type.Object({ id: Id }, { additionalProperties: false })
const NoContent = Type.Null({ description: 'Done' })

export function sessionRoutes(app: App, deps: Deps): void {
  app.post('/refresh', {
    config: { auth: 'none', limit: 'refresh' },
    schema: {
      tags: ['sessions'],
      summary: 'Exchange a refresh token for the next one',
      description:
        'Send an Idempotency-Key (random, the same on each retry) so that a lost answer can be given again.',
      body: RefreshBody,
      response: { 200: Session, 400: Problem, 401: Problem, 409: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request) => {
      const { outcome, session } = await rotateRefreshToken(deps, {
        refreshToken: request.body.refreshToken,
        idempotencyKey: request.headers['idempotency-key'],
        origin: originOf(request),
      })
      if (session === null) throw new AppError(refusals[outcome])
      return sessionAnswer(deps, app.signAccessToken, session)
    },
  })

  app.post('/logout', {
    config: { auth: 'optional', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'End this session',
      description: 'By the access token or, without one, by a refresh token of any generation.',
      body: Type.Union([LogoutBody, Type.Null()]),
      response: { 204: NoContent, 400: Problem, 401: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const refreshToken = request.body?.refreshToken
      if (request.caller !== null) await logOut(deps, request.caller.sessionId, originOf(request))
      else if (refreshToken !== undefined) await logOutByRefreshToken(deps, refreshToken, originOf(request))
      else throw new AppError('token_missing')
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
    handler: async (request) => ({
      revoked: await logOutEverywhere(deps, callerOf(request).userId, originOf(request)),
    }),
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
