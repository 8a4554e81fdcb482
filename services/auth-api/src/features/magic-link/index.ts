import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { magicLinkRoutes } from './routes.js'

/** Nothing at all while MAGIC_LINK is off. */
export async function magicLink(app: App, { deps }: { deps: Deps }): Promise<void> {
  if (deps.config.magicLink) magicLinkRoutes(app, deps)
}
