import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { mfaRoutes } from './routes.js'

export async function mfa(app: App, { deps }: { deps: Deps }): Promise<void> {
  mfaRoutes(app, deps)
}
