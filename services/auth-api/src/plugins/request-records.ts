import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { routeLabel } from './route-label.js'

/** What is known of a request once it is answered: its metrics and its log line. */
export function registerRequestRecords(app: App, { log, metrics }: Pick<Deps, 'log' | 'metrics'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    metrics.httpRequestsInProgress.inc()
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    metrics.httpRequestsInProgress.dec()
    const labels = { method: request.method, route: routeLabel(request), status_code: reply.statusCode }
    metrics.httpRequestsTotal.inc(labels)
    metrics.httpRequestDurationSeconds.observe(labels, reply.elapsedTime / 1000)
    if (reply.statusCode >= 400 || request.routeOptions.config.limit !== 'none') {
      log.info({ req: request, res: reply, ...request.problem }, 'request')
    }
    done()
  })
}
