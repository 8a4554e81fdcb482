import { isJsonObject, type JsonObject } from './json-objects.js'
import { SchemaRefusal } from './traits-schema-error.js'

/** What a property may say of itself beyond JSON Schema. */
export interface Annotations {
  /** No two users have the same value. */
  readonly isUnique: boolean
  /** Admins find users by it. */
  readonly isSearchable: boolean
  /** Neither shown to the user nor set by them. */
  readonly isPrivate: boolean
  /** Shown to the user and set by admins. */
  readonly isReadOnly: boolean
}

const keywords = {
  isUnique: 'x-latchkey-unique',
  isSearchable: 'x-latchkey-searchable',
  isPrivate: 'x-latchkey-private',
  isReadOnly: 'x-latchkey-read-only',
} as const satisfies Record<keyof Annotations, string>

export const annotationNames: readonly string[] = Object.values(keywords)

/** Filed by the index: short enough for a row of it, whatever the letters. */
export const maxFiledLength = 256

const filedTypes = new Set(['string', 'integer', 'number'])
const filedName = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** Of one property of traits. @throws SchemaRefusal. */
export function readAnnotations(name: string, property: unknown, place: string): Annotations {
  const says = (keyword: string): boolean => isJsonObject(property) && property[keyword] === true
  const annotations = {
    isUnique: says(keywords.isUnique),
    isSearchable: says(keywords.isSearchable),
    isPrivate: says(keywords.isPrivate),
    isReadOnly: says(keywords.isReadOnly),
  }
  if (annotations.isPrivate && annotations.isReadOnly)
    throw new SchemaRefusal(place, `${keywords.isPrivate} and ${keywords.isReadOnly} exclude each other`)
  if ((annotations.isUnique || annotations.isSearchable) && isJsonObject(property))
    assertCanBeFiled(name, property, place)
  return annotations
}

function assertCanBeFiled(name: string, property: JsonObject, place: string): void {
  const { type, maxLength, format } = property
  const about = `what is ${keywords.isUnique} or ${keywords.isSearchable}`
  if (!filedName.test(name))
    throw new SchemaRefusal(place, `${about} has a name of at most 64 letters, digits, _, . and -`)
  if (typeof type !== 'string' || !filedTypes.has(type))
    throw new SchemaRefusal(place, `${about} is of type string, integer or number, and says so itself`)
  if (type === 'string' && !isBounded(maxLength, format) && !Array.isArray(property['enum']))
    throw new SchemaRefusal(place, `${about} needs a maxLength of at most ${maxFiledLength}`)
}

const boundedFormats = new Set(['email', 'phone', 'gstin', 'pan', 'date', 'uuid'])

function isBounded(maxLength: unknown, format: unknown): boolean {
  return (
    (typeof maxLength === 'number' && maxLength <= maxFiledLength) ||
    (typeof format === 'string' && boundedFormats.has(format))
  )
}

/** Two types of users may share a property, and then its annotations too: who may see a value must not depend on the type. */
export function isSameAnnotations(one: Annotations, other: Annotations): boolean {
  return (
    one.isUnique === other.isUnique &&
    one.isSearchable === other.isSearchable &&
    one.isPrivate === other.isPrivate &&
    one.isReadOnly === other.isReadOnly
  )
}
