import type { FieldError } from '@latchkey/contracts/errors'
import type { ErrorObject } from 'ajv'
import { pointerPart } from './json-objects.js'
import { formatMessages } from './trait-formats.js'

/** Enough to mend a form by; a list with a thousand bad items is not told a thousand times. */
const maxErrors = 20

/** They sum up errors of their own, which stand beside them. */
const summaries = new Set(['if', 'allOf'])

/** What is wrong with traits, place by place. Never a value: that is the person's. */
export function traitErrors(errors: readonly ErrorObject[]): FieldError[] {
  const told = errors
    .filter(({ keyword }) => !summaries.has(keyword))
    .map((error) => ({ path: `/traits${pathOf(error)}`, message: messageOf(error) }))
  const distinct = new Map(told.map((error) => [`${error.path} ${error.message}`, error]))
  return [...distinct.values()].slice(0, maxErrors)
}

/** A missing or unknown field is pointed at itself, not at the object that lacks or has it. */
function pathOf({ instancePath, params }: ErrorObject): string {
  const given: Record<string, unknown> = params
  const name =
    given['missingProperty'] ??
    given['additionalProperty'] ??
    given['unevaluatedProperty'] ??
    given['propertyName']
  return typeof name === 'string' ? `${instancePath}/${pointerPart(name.slice(0, 64))}` : instancePath
}

const own: Readonly<Record<string, string>> = {
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
  return limits[keyword]?.(String(given['limit'])) ?? own[keyword] ?? message ?? 'is not valid'
}

function choiceOf(allowed: unknown): string {
  const values = Array.isArray(allowed) ? allowed : []
  const isShort = values.length <= 10 && values.every((value) => typeof value !== 'object')
  return isShort ? `must be one of ${values.join(', ')}` : 'is none of what it may be'
}
