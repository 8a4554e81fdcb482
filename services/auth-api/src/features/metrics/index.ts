import { Problem } from '@latchkey/contracts/http/answers'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { assertMayScrape } from '../../plugins/operators.js'

export async function metricsPage(app: App, { deps: { config, metrics } }: { deps: Deps }): Promise<void> {
  app.get('/metrics', {
    config: { auth: 'none', limit: 'none' },
    schema: {
      tags: ['health'],
      summary: 'Metrics in the text format of Prometheus',
      response: { 200: Type.String(), 401: Problem },
    },
    handler: async (request, reply) => {
      assertMayScrape(config, request)
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
    },
  })
}
