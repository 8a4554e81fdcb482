import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { mailLinkRoutes } from './routes.js'

export async function mailLinks(app: App, { deps }: { deps: Deps }): Promise<void> {
  mailLinkRoutes(app, deps)
}
