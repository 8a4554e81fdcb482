import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { alertRoutes } from './alerts/routes.js'
import { clientRoutes } from './clients/routes.js'
import { eventRoutes } from './events/routes.js'
import { queueRoutes } from './queues/routes.js'
import { sessionRoutes } from './sessions/routes.js'
import { statsRoutes } from './stats/routes.js'
import type { LiveFeed } from './stream/live-feed.js'
import { streamRoutes } from './stream/routes.js'
import { userRoutes } from './users/routes.js'
import { webhookRoutes } from './webhooks/routes.js'

export async function admin(app: App, { deps, feed }: { deps: Deps; feed: LiveFeed }): Promise<void> {
  for (const routes of [
    userRoutes,
    sessionRoutes,
    eventRoutes,
    alertRoutes,
    statsRoutes,
    clientRoutes,
    queueRoutes,
    webhookRoutes,
  ])
    routes(app, deps)
  streamRoutes(app, feed)
}
