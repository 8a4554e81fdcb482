import type { Readable } from 'node:stream'
import { AppError } from '@latchkey/contracts/errors'
import { LastEventIdHeader } from '@latchkey/contracts/http/headers'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import { callerOf } from '../../../plugins/authentication.js'
import { forReaders, problems } from '../routes.js'
import type { LiveFeed } from './live-feed.js'

const retrySeconds = 5
/** Until the stream begins; then it lasts. */
const openingMs = 4000

export function streamRoutes(app: App, feed: LiveFeed): void {
  app.get('/stream', {
    config: { ...forReaders, deadlineMs: openingMs },
    exposeHeadRoute: false,
    schema: {
      tags: ['admin'],
      summary: 'What happens, as it happens',
      description:
        'Server-sent events: `security-event` with an event as /events lists it, `stats` every five seconds with what /stats answers, and ' +
        '`gap` for whoever was away too long to be told all (the list has it). A client that comes back with Last-Event-ID misses nothing. ' +
        'The stream ends when the session does, or with the process.',
      headers: LastEventIdHeader,
      response: {
        200: {
          description: 'text/event-stream',
          content: { 'text/event-stream': { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
        },
        ...problems,
      },
    },
    handler: async (request, reply) => {
      const { 'last-event-id': lastEventId } = request.headers
      const after = lastEventId === undefined ? null : BigInt(lastEventId)
      const stream = app.isDraining()
        ? null
        : await feed.open({ sessionId: callerOf(request).sessionId, after })
      if (stream === null) throw new AppError('overloaded', undefined, { retryAfterSeconds: retrySeconds })
      return reply
        .headers({
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no', // nginx would hold back what is meant for now
        })
        .send(stream.body)
    },
  })
}
