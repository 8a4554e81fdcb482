import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { registerFormBody } from '../../plugins/form-body.js'
import { registerOAuthErrors } from '../../plugins/oauth-errors.js'
import { metadataRoutes, oauthRoutes } from './routes.js'

export async function oauthTokens(app: App, { deps }: { deps: Deps }): Promise<void> {
  metadataRoutes(app, deps)
  await app.register(
    async (part: App) => {
      registerOAuthErrors(part)
      registerFormBody(part)
      oauthRoutes(part, deps)
    },
    { prefix: '/oauth2' },
  )
}
