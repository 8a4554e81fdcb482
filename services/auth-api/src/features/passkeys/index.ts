import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { passkeyRoutes } from './routes.js'

export async function passkeys(app: App, { deps }: { deps: Deps }): Promise<void> {
  passkeyRoutes(app, deps)
}
