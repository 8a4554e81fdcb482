import { isJsonObject, pointerPart, type JsonObject } from './json-objects.js'
import { SchemaRefusal } from './traits-schema-error.js'

/** A schema somewhere in the file. */
export interface SchemaPlace {
  readonly schema: JsonObject
  /** JSON Pointer into the file. */
  readonly place: string
}

// The applicators of draft 2020-12: a schema, a list of them, or schemas by name.
const single = new Set([
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
])
const listed = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const named = new Set(['$defs', 'dependentSchemas', 'patternProperties', 'properties'])

/** Deeper than any schema that a person writes, and far from the depth that would exhaust the stack. */
const maxDepth = 64

/** The schema itself and every one within it. @throws SchemaRefusal. */
export function* schemaPlaces(schema: unknown, place: string, depth = 0): Generator<SchemaPlace> {
  if (!isJsonObject(schema)) return
  if (depth > maxDepth) throw new SchemaRefusal('', `is nested deeper than ${maxDepth} levels`)
  yield { schema, place }
  for (const [keyword, value] of Object.entries(schema)) {
    const here = `${place}/${pointerPart(keyword)}`
    if (single.has(keyword)) yield* schemaPlaces(value, here, depth + 1)
    if (listed.has(keyword) && Array.isArray(value)) {
      for (const [index, item] of value.entries()) yield* schemaPlaces(item, `${here}/${index}`, depth + 1)
    }
    if (named.has(keyword) && isJsonObject(value)) {
      for (const [name, item] of Object.entries(value))
        yield* schemaPlaces(item, `${here}/${pointerPart(name)}`, depth + 1)
    }
  }
}
