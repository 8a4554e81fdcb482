import { AppError } from '@latchkey/contracts/errors'
import { isSameSecret } from '@latchkey/platform/crypto/constant-time'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { Deps } from './deps.js'
import { assertDatabaseAnswers } from './health/readiness.js'
import { answerBadHttp, problemHeaders, problemOf } from './http-problems.js'

export interface HttpOptions {
  /** A worker that is shutting down is alive and no longer ready. */
  isShuttingDown: () => boolean
}

type HttpDeps = Pick<Deps, 'config' | 'log' | 'metrics' | 'redis' | 'sql'>

/** Health and metrics, not listening. Nothing here changes anything, and probes and scrapes that go well are not logged. */
export function buildHttp(deps: HttpDeps, { isShuttingDown }: HttpOptions): FastifyInstance {
  const { config, log, metrics, redis, sql } = deps
  const app = fastify({
    ...limitsOfHttp,
    clientErrorHandler: answerBadHttp,
    frameworkErrors: (error, _request, reply) => sendProblem(publicErrorOf(error), reply),
  })
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  app.setErrorHandler((error, _request, reply) => sendProblem(publicErrorOf(error), reply))
  app.setNotFoundHandler((request) => {
    const [path = ''] = request.url.split('?', 1)
    throw new AppError(app.hasRoute({ method: 'GET', url: path }) ? 'method_not_allowed' : 'not_found')
  })

  app.get('/health', () => ({ status: 'ok' }))

  app.get('/health/ready', async () => {
    if (isShuttingDown()) throw new AppError('unavailable', 'The process is shutting down')
    await assertDatabaseAnswers(sql)
    return { status: redis.isAvailable() ? 'ready' : 'degraded' }
  })

  app.get('/metrics', async (request, reply) => {
    if (config.metricsToken !== null) assertMayScrape(request.headers.authorization, config.metricsToken)
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })

  function sendProblem(refusal: AppError, reply: FastifyReply): void {
    const problem = problemOf(refusal)
    if (refusal.code === 'internal_error')
      log.error({ err: refusal.cause, errorId: problem.errorId }, 'request failed')
    if (refusal.code === 'method_not_allowed') void reply.header('allow', 'GET, HEAD')
    void reply.code(refusal.status).headers(problemHeaders(refusal)).send(JSON.stringify(problem))
  }

  return app
}

function publicErrorOf(error: unknown): AppError {
  if (error instanceof AppError) return error
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  if (typeof status === 'number' && status < 500) {
    return new AppError('validation_failed', 'The request cannot be understood', { cause: error })
  }
  return new AppError('internal_error', undefined, { cause: error })
}

/** RFC 6750. */
function assertMayScrape(authorization: string | undefined, metricsToken: string): void {
  if (authorization === undefined) throw new AppError('token_missing')
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? []
  if (token === undefined || !isSameSecret(token, metricsToken)) throw new AppError('token_invalid')
}

/** docs/security: everything has a timeout and a size. */
const limitsOfHttp = {
  bodyLimit: 64 * 1024,
  requestTimeout: 15_000,
  handlerTimeout: 10_000,
  keepAliveTimeout: 72_000, // longer than the 60 s of common proxies and scrapers, which must be the ones to close
  http: { headersTimeout: 10_000, maxHeaderSize: 16 * 1024 },
  forceCloseConnections: 'idle',
} as const
