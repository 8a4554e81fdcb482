import type { preValidationHookHandler } from 'fastify'
import { IsOptional, IsSchema, Type } from 'typebox'
import type { App } from '../app-types.js'

/** No field at all. */
export const noQuery = Type.Object({}, { additionalProperties: false })
export const noBody = Type.Optional(Type.Object({}, { additionalProperties: false }))
const methodsWithBody: ReadonlySet<unknown> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * What a route does not declare it does not take: no query parameter (credentials in a URL end up in logs and histories, so
 * they must not even work) and no body. A body that is declared optional may be missing. Registered before the routes.
 */
export function registerClosedInputs(app: App): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.auth === undefined) return // not ours: the API page
    const schema = { ...route.schema }
    if (route.config.limit !== 'none') schema.querystring ??= noQuery // probes may carry what their tool likes
    if ([route.method].flat().some((method) => methodsWithBody.has(method))) {
      schema.body ??= noBody
      if (IsSchema(schema.body) && IsOptional(schema.body)) {
        route.preValidation = [...[route.preValidation ?? []].flat(), takeMissingBodyAsEmpty]
      }
    }
    route.schema = schema
  })
}

const takeMissingBodyAsEmpty: preValidationHookHandler = (request, _reply, done) => {
  if (request.body === undefined) request.body = {}
  done()
}
