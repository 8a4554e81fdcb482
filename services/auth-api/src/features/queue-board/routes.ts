import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@latchkey/contracts/errors'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { createBoard } from './board.js'
import { buildPage, listStaticFiles } from './page.js'

const place = '/admin/queues'

/** From this origin alone, nothing inline but the styles that the page sets by script; it cannot be framed and sends no form. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "worker-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"

const forReaders = { auth: 'session', limit: 'general', roles: ['admin', 'auditor'] } as const
/** Names of their contents: what is at an address never changes. */
const forever = 'public, max-age=31536000, immutable'

const Params = Type.Object({
  queueName: Type.Optional(Type.String({ maxLength: 64 })),
  jobId: Type.Optional(Type.String({ maxLength: 256 })),
})
/** What the page asks for is checked by bull-board itself; more is not read. */
const Query = Type.Record(Type.String(), Type.String({ maxLength: 128 }))

/** For people to look at: it changes nothing, for whoever it is. What may be done is in the admin API. */
export function queueBoardRoutes(
  app: App,
  { config, queues, redis }: Pick<Deps, 'config' | 'queues' | 'redis'>,
): void {
  const board = createBoard(Object.values(queues))
  const basePath = `${new URL(config.publicUrl).pathname.replace(/\/$/, '')}${place}/`
  const page = buildPage(board.folder, { basePath, uiConfig: board.uiConfig })
  const files = listStaticFiles(join(board.folder, 'static'))

  for (const path of board.pagePaths) {
    app.get(path === '/' ? place : `${place}${path}`, {
      config: forReaders,
      schema: { hide: true, params: Params, querystring: Query },
      handler: (_request, reply) =>
        reply
          .header('content-security-policy', contentSecurityPolicy)
          .type('text/html; charset=utf-8')
          .send(page),
    })
  }

  for (const { path, answer } of board.routes) {
    app.get(`${place}${path}`, {
      config: forReaders,
      schema: { hide: true, params: Params, querystring: Query },
      handler: async ({ params, query }, reply) => {
        if (!redis.isAvailable()) throw new AppError('unavailable', 'Redis is away.')
        const { status, body } = await answer({ params, query })
        return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
      },
    })
  }

  app.get(`${place}/static/*`, {
    config: { auth: 'none', limit: 'general' },
    schema: { hide: true, params: Type.Object({ '*': Type.String({ maxLength: 256 }) }) },
    handler: ({ params }, reply) => {
      const found = files.get(params['*'])
      if (found === undefined) throw new AppError('not_found')
      // A script that runs as a worker has the policy that it came with.
      void reply.headers({ 'cache-control': forever, 'content-security-policy': contentSecurityPolicy })
      return reply.type(found.type).send(createReadStream(found.file))
    },
  })
}
