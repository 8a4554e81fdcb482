import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js'
import { isSameAnnotations, readAnnotations, type Annotations } from './annotations.js'
import { assertSchema } from './assert-schema.js'
import { isJsonObject, pointerPart, type JsonObject } from './json-objects.js'
import { createTraitsAjv } from './traits-ajv.js'
import { SchemaRefusal } from './traits-schema-error.js'
import {
  propertiesOf,
  readUserTypes,
  requiredOf,
  userTypesKeyword,
  type UserTypeSchema,
} from './user-types.js'

/** What the users of one type have. */
export interface TypeRules {
  readonly validate: ValidateFunction
  /** What `validate` was made of. */
  readonly schema: JsonObject
}

/** TRAITS_SCHEMA, read and compiled. */
export interface TraitsSchema {
  readonly types: readonly UserTypeSchema[]
  /** For users without a type, or of one that is not listed any more. */
  readonly everybody: TypeRules
  readonly byType: ReadonlyMap<string, TypeRules>
  readonly annotations: ReadonlyMap<string, Annotations>
}

/** @throws SchemaRefusal. */
export function compileTraitsSchema(file: unknown): TraitsSchema {
  if (!isJsonObject(file)) throw new SchemaRefusal('', 'must be a JSON object')
  if (file['type'] !== 'object') throw new SchemaRefusal('/type', 'must be "object": traits are one')
  const ajv = createTraitsAjv()
  const { [userTypesKeyword]: _types, ...root } = file
  const types = readUserTypes(file)
  assertSchema(ajv, root, '')
  for (const { schema, place } of types) assertSchema(ajv, schema, place)
  const annotations = readAllAnnotations([{ place: '', schema: root }, ...types])
  return {
    types,
    annotations,
    everybody: compileRules(ajv, closed(root)),
    byType: new Map(types.map((type) => [type.name, compileRules(ajv, closed(withType(root, type)))])),
  }
}

/** What the file does not name is refused, unless it says otherwise: a misspelt field must not vanish unseen. */
function closed(schema: JsonObject): JsonObject {
  const isDecided = 'additionalProperties' in schema || 'unevaluatedProperties' in schema
  return isDecided ? schema : { ...schema, unevaluatedProperties: false }
}

function withType(root: JsonObject, { properties, required }: UserTypeSchema): JsonObject {
  return {
    ...root,
    properties: { ...propertiesOf(root), ...properties },
    required: [...new Set([...requiredOf(root), ...required])],
  }
}

function compileRules(ajv: Ajv2020, schema: JsonObject): TypeRules {
  try {
    return { validate: ajv.compile(schema), schema }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new SchemaRefusal('', message.replace(/^strict mode: /, '').replace(/ \(strict\w+\)$/, ''))
  }
}

function readAllAnnotations(
  parts: readonly { place: string; schema: JsonObject }[],
): Map<string, Annotations> {
  const found = new Map<string, Annotations>()
  for (const { place, schema } of parts) {
    for (const [name, property] of Object.entries(propertiesOf(schema))) {
      const here = `${place}/properties/${pointerPart(name)}`
      const annotations = readAnnotations(name, property, here)
      const others = found.get(name) ?? annotations
      if (!isSameAnnotations(annotations, others))
        throw new SchemaRefusal(
          here,
          'has other x-latchkey-… keywords than the property of this name in another type',
        )
      found.set(name, annotations)
    }
  }
  for (const { place, schema } of parts) assertRequired(schema, place, found)
  return found
}

/** What only admins set, nobody could register with. */
function assertRequired(
  schema: JsonObject,
  place: string,
  annotations: ReadonlyMap<string, Annotations>,
): void {
  for (const [index, name] of requiredOf(schema).entries()) {
    const { isPrivate = false, isReadOnly = false } = annotations.get(name) ?? {}
    const here = `${place}/required/${index}`
    if (!annotations.has(name)) throw new SchemaRefusal(here, `names ${name}, which is not in properties`)
    if (isPrivate || isReadOnly)
      throw new SchemaRefusal(here, `names ${name}, which only admins set: nobody could register`)
  }
}
