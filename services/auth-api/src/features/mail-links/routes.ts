import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { readPages } from './pages.js'

/** Everything from this origin and nothing inline: a page holds a token that is worth an account. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

/** A link that was on its way through mail programs and click counters may have got parameters; none is read. */
const anyQuery = Type.Object({})

/** Opening a page does nothing: mail scanners and previews do it too. Its button posts to the api. */
export function mailLinkRoutes(app: App, { config }: Pick<Deps, 'config'>): void {
  for (const { path, type, body } of readPages(config)) {
    app.get(path, {
      config: { auth: 'none', limit: 'general' },
      schema: { hide: true, querystring: anyQuery },
      handler: (_request, reply) =>
        reply.header('content-security-policy', contentSecurityPolicy).type(type).send(body),
    })
  }
}
