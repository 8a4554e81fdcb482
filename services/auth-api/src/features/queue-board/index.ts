import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { queueBoardRoutes } from './routes.js'

/** A page for people, who come with the cookies of a session; and of queues, which are in Redis. Without either there is none. */
export async function queueBoard(app: App, { deps }: { deps: Deps }): Promise<void> {
  if (deps.config.useCookieSessions && deps.config.redisUrl !== null) queueBoardRoutes(app, deps)
}
