import { isJsonObject, pointerPart, type JsonObject } from './json-objects.js'
import { SchemaRefusal } from './traits-schema-error.js'

export const userTypesKeyword = 'x-latchkey-user-types'

/** A type of user, and what its users have beyond what everybody has. */
export interface UserTypeSchema {
  readonly name: string
  readonly place: string
  /** Whoever registers may not choose it. */
  readonly isReadOnly: boolean
  readonly properties: JsonObject
  readonly required: readonly string[]
  readonly schema: JsonObject
}

/** As `userType` may be written in a request. */
const typeName = /^[A-Za-z0-9_-]{1,64}$/
const maxTypes = 32
const keywords = new Set([
  'title',
  'description',
  '$comment',
  'properties',
  'required',
  'x-latchkey-read-only',
])

/** The list of types; empty when the file has none. @throws SchemaRefusal. */
export function readUserTypes(root: JsonObject): UserTypeSchema[] {
  const types = root[userTypesKeyword]
  const place = `/${userTypesKeyword}`
  if (types === undefined) return []
  if (!isJsonObject(types)) throw new SchemaRefusal(place, 'must be an object with a schema for each type')
  const entries = Object.entries(types)
  if (entries.length === 0 || entries.length > maxTypes)
    throw new SchemaRefusal(place, `must name 1 to ${maxTypes} types`)
  return entries.map(([name, schema]) => readUserType(name, schema, `${place}/${pointerPart(name)}`, root))
}

function readUserType(name: string, schema: unknown, place: string, root: JsonObject): UserTypeSchema {
  if (!typeName.test(name))
    throw new SchemaRefusal(place, 'must be named with 1 to 64 letters, digits, _ and -')
  if (!isJsonObject(schema)) throw new SchemaRefusal(place, 'must be an object')
  const stranger = Object.keys(schema).find((keyword) => !keywords.has(keyword))
  if (stranger !== undefined) {
    const known = [...keywords].filter((keyword) => keyword !== '$comment').join(', ')
    throw new SchemaRefusal(`${place}/${pointerPart(stranger)}`, `is not known: a type has ${known}`)
  }
  const { 'x-latchkey-read-only': isReadOnly = false, ...own } = schema
  if (typeof isReadOnly !== 'boolean')
    throw new SchemaRefusal(`${place}/x-latchkey-read-only`, 'must be true or false')
  const properties = isJsonObject(own['properties']) ? own['properties'] : {}
  const twice = Object.keys(properties).find((property) => Object.hasOwn(propertiesOf(root), property))
  if (twice !== undefined)
    throw new SchemaRefusal(`${place}/properties/${pointerPart(twice)}`, 'is a property of everybody already')
  return { name, place, isReadOnly, properties, required: requiredOf(own), schema: own }
}

export function propertiesOf({ properties }: JsonObject): JsonObject {
  return isJsonObject(properties) ? properties : {}
}

export function requiredOf({ required }: JsonObject): string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []
}
