import fastJsonStringify from 'fast-json-stringify'
import type { App } from '../app-types.js'

type Serializer = ReturnType<typeof fastJsonStringify>

/**
 * Compiles each schema of an answer once. Fastify does it for every status of every route, and ours answer under two prefixes and
 * share their problems: half of what the process does before it is ready.
 */
export function registerSerializers(app: App): void {
  const serializers = new WeakMap<object, Serializer>()
  app.setSerializerCompiler<fastJsonStringify.Schema>(({ schema }) => {
    const known = serializers.get(schema)
    if (known !== undefined) return known
    const made = fastJsonStringify(schema)
    serializers.set(schema, made)
    return made
  })
}
