import { AppError } from '@latchkey/contracts/errors'
import { Problem } from '@latchkey/contracts/http/answers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { assertOperator, isOperator } from '../../plugins/operators.js'
import { Alive, DatabaseHealth, Health, PoolStatistics, Ready } from './answers.js'
import { describeDatabase, describeHealth, describeStatus } from './describe-health.js'
import { createReadiness } from './readiness.js'

const probe = { auth: 'none', limit: 'none' } as const
const page = { auth: 'none', limit: 'general' } as const
const tags = ['health']

export function healthRoutes(app: App, deps: Deps): void {
  const readiness = createReadiness(deps, app.isDraining)

  app.get('/health', {
    config: probe,
    schema: { tags, summary: 'The process is alive', response: { 200: Alive } },
    handler: () => ({ status: 'ok' as const }),
  })

  app.get('/health/ready', {
    config: probe,
    schema: {
      tags,
      summary: 'The process can serve: PostgreSQL answers, and shutdown has not begun',
      response: { 200: Ready, 503: Problem },
    },
    handler: async () => {
      await readiness.assertReady()
      return { status: deps.redis.isAvailable() ? ('ready' as const) : ('degraded' as const) }
    },
  })

  app.get('/health/detailed', {
    config: page,
    schema: {
      tags,
      summary: 'Everything an operator asks for first',
      security: [{ accessToken: [] }],
      response: { 200: Health, 401: Problem },
    },
    handler: async (request) => {
      await assertOperator(app, deps, request)
      return describeHealth(deps, readiness)
    },
  })

  app.get('/api/health', {
    config: page,
    schema: { tags, summary: 'Status; details for operators', response: { 200: Health } },
    handler: async (request) =>
      (await isOperator(app, deps, request))
        ? describeHealth(deps, readiness)
        : describeStatus(deps, readiness),
  })

  app.get('/api/health/database', {
    config: page,
    schema: {
      tags,
      summary: 'Whether PostgreSQL answers; details for operators',
      response: { 200: DatabaseHealth, 503: Problem },
    },
    handler: async (request) => {
      const { isUp } = await readiness.lookAtDatabase()
      if (!isUp) throw new AppError('unavailable', 'PostgreSQL is away.')
      return (await isOperator(app, deps, request))
        ? describeDatabase(deps, readiness)
        : { status: 'up' as const }
    },
  })

  app.get('/api/health/pool-stats', {
    config: page,
    schema: {
      tags,
      summary: 'Connections of this process to PostgreSQL',
      security: [{ accessToken: [] }],
      response: { 200: PoolStatistics, 401: Problem },
    },
    handler: async (request) => {
      await assertOperator(app, deps, request)
      return deps.sql.statistics()
    },
  })
}
