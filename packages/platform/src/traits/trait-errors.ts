import type { FieldError } from '@latchkey/contracts/errors'
import type { ErrorObject } from 'ajv'
import { pointerPart } from './json-objects.js'
import { formatMessages } from './trait-formats.js'

/** A field's name comes from the client: long enough to be recognised, too short to fill a log. */
const maxNameLength = 64

/** They sum up errors of their own, which stand beside them. */
const summaries = new Set(['if', 'allOf'])

export interface TraitError {
  /** Of the trait that it is about; empty for traits as a whole. */
  readonly name: string
  readonly error: FieldError
}

/** What is wrong with traits, place by place. Never a value: that is the person's. */
export function traitErrors(errors: readonly ErrorObject[]): TraitError[] {
  const own = errors.filter(({ keyword }) => !summaries.has(keyword))
  const told = (own.length > 0 ? own : errors).map((error) => {
    const [name = '', ...inner] = placeOf(error)
    const path = ['/traits', name, ...inner].filter((part) => part !== '').join('/')
    return {
      name: name.replaceAll('~1', '/').replaceAll('~0', '~'),
      error: { path, message: messageOf(error) },
    }
  })
  return [...new Map(told.map((found) => [`${found.error.path} ${found.error.message}`, found])).values()]
}

/** The parts of a JSON Pointer. A missing or unknown field is pointed at itself, not at the object that lacks or has it. */
function placeOf({ instancePath, params }: ErrorObject): string[] {
  const given: Record<string, unknown> = params
  const name =
    given['missingProperty'] ??
    given['additionalProperty'] ??
    given['unevaluatedProperty'] ??
    given['propertyName']
  const parts = instancePath.split('/').slice(1)
  return typeof name === 'string' ? [...parts, pointerPart(name.slice(0, maxNameLength))] : parts
}

const messages: Readonly<Record<string, string>> = {
  required: 'is required',
  dependentRequired: 'is required',
  additionalProperties: 'is not known',
  unevaluatedProperties: 'is not known',
  unevaluatedItems: 'has too many items',
  propertyNames: 'has a name that is not allowed',
  pattern: 'does not have the right form',
  uniqueItems: 'must not have the same item twice',
  const: 'is not the value that it must have',
  not: 'is not allowed',
  anyOf: 'is none of what it may be',
  oneOf: 'is none, or more than one, of what it may be',
  contains: 'lacks an item that it must have',
  'false schema': 'is not allowed',
}

const limits: Readonly<Record<string, (limit: string) => string>> = {
  minimum: (limit) => `must be at least ${limit}`,
  maximum: (limit) => `must be at most ${limit}`,
  exclusiveMinimum: (limit) => `must be more than ${limit}`,
  exclusiveMaximum: (limit) => `must be less than ${limit}`,
  minLength: (limit) => `must have at least ${limit} characters`,
  maxLength: (limit) => `must have at most ${limit} characters`,
  minItems: (limit) => `must have at least ${limit} items`,
  maxItems: (limit) => `must have at most ${limit} items`,
  minProperties: (limit) => `must have at least ${limit} fields`,
  maxProperties: (limit) => `must have at most ${limit} fields`,
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

function messageOf({ keyword, params, message }: ErrorObject): string {
  const given: Record<string, unknown> = params
  if (keyword === 'format') return formatMessages[String(given['format'])] ?? 'has the wrong form'
  if (keyword === 'enum') return choiceOf(given['allowedValues'])
  if (keyword === 'type') {
    const types = [given['type']].flat().map(String)
    return `must be ${types.map((type) => typeNames[type] ?? type).join(' or ')}`
  }
  return limits[keyword]?.(String(given['limit'])) ?? messages[keyword] ?? message ?? 'is not valid'
}

function choiceOf(allowed: unknown): string {
  const values = Array.isArray(allowed) ? allowed : []
  const isShort = values.length <= 10 && values.every((value) => typeof value !== 'object')
  return isShort ? `must be one of ${values.join(', ')}` : 'is none of what it may be'
}
