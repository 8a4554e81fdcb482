import { AppError } from '@latchkey/contracts/errors'
import { isSameSecret } from '@latchkey/platform/crypto/constant-time'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { readBearer } from '../../plugins/bearer.js'

/** For Prometheus. Open where no METRICS_TOKEN is set: there the network decides who scrapes. */
export async function metricsPage(app: App, { deps: { config, metrics } }: { deps: Deps }): Promise<void> {
  app.get('/metrics', {
    config: { auth: 'none', limit: 'none' },
    schema: {
      tags: ['health'],
      summary: 'Metrics in the text format of Prometheus',
      response: { 200: Type.String() },
    },
    handler: async (request, reply) => {
      if (config.metricsToken !== null) {
        const bearer = readBearer(request.raw)
        if (bearer.kind === 'none') throw new AppError('token_missing')
        if (bearer.kind !== 'token' || !isSameSecret(bearer.token, config.metricsToken))
          throw new AppError('token_invalid')
      }
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
    },
  })
}
