import { Readable } from 'node:stream'
import { Problem } from '@latchkey/contracts/http/answers'
import { DeleteMeBody } from '@latchkey/contracts/http/bodies'
import { PersonalData } from '@latchkey/contracts/http/personal-data'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { eraseOwnAccount } from './erase-own-account.js'
import { exportPersonalData } from './export-personal-data.js'

/** A million events over a slow line. Whoever takes longer holds a socket and a page of events for nothing. */
const exportDeadlineMs = 10 * 60_000

export function personalDataRoutes(app: App, deps: Deps): void {
  app.get('/me/export', {
    config: { auth: 'session', limit: 'general', freshAuth: true },
    exposeHeadRoute: false, // it would count as an export, and be one for nothing
    schema: {
      tags: ['account'],
      summary: 'Everything that is kept of you',
      response: {
        200: Type.Unsafe<Readable>(PersonalData),
        401: Problem,
        403: Problem,
        429: Problem,
        503: Problem,
      },
    },
    handler: async (request, reply) => {
      const { userId, sessionId } = callerOf(request)
      const document = Readable.from(
        await exportPersonalData(deps, { userId, sessionId, origin: originOf(request) }),
      )
      const timer = setTimeout(() => document.destroy(new Error('too slow a reader')), exportDeadlineMs)
      document.once('close', () => clearTimeout(timer))
      return reply
        .type('application/json; charset=utf-8')
        .header('content-disposition', 'attachment; filename="personal-data.json"')
        .send(document)
    },
  })

  app.delete('/me', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'Delete the account, and what is kept of you',
      description:
        'Takes the password, and a code or recovery code of whoever has a second factor. There is no way back; the address can be registered anew.',
      body: DeleteMeBody,
      response: {
        204: Type.Null({ description: 'Done' }),
        400: Problem,
        401: Problem,
        403: Problem,
        409: Problem,
        429: Problem,
        503: Problem,
      },
    },
    handler: async (request, reply) => {
      const { userId, sessionId, via } = callerOf(request)
      const pass = app.devicePasses.read(request)
      await eraseOwnAccount(deps, { ...request.body, userId, sessionId, pass, origin: originOf(request) })
      if (via === 'cookie') app.cookieSessions.clear(reply)
      return reply.code(204).send(null)
    },
  })
}
