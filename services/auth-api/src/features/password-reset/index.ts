import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { passwordResetRoutes } from './routes.js'

export async function passwordReset(app: App, { deps }: { deps: Deps }): Promise<void> {
  passwordResetRoutes(app, deps)
}
