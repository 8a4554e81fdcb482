import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { emailVerificationRoutes } from './routes.js'

export async function emailVerification(app: App, { deps }: { deps: Deps }): Promise<void> {
  emailVerificationRoutes(app, deps)
}
