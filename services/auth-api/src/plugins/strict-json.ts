import { AppError } from '@latchkey/contracts/errors'
import { pointerToken } from './field-errors.js'

/** The deepest body of the contract has two levels; traits are the operator's and may have a few more. */
export const maxNesting = 10

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/**
 * Refuses what JSON.parse lets through and later readers understand differently: duplicate keys (RFC 8259, 4: the first or
 * the last wins, as the reader likes), keys that reach a prototype, deep nesting, and strings that PostgreSQL cannot store.
 * `text` is what `value` was parsed from, so it is known to be valid JSON.
 */
export function assertStrictJson(text: string, value: unknown): void {
  // A duplicate key makes one property of two members, however its spelling is escaped.
  if (countMembers(text) !== countProperties(value, 1)) {
    throw new AppError('malformed_body', 'The body names a field twice.')
  }
  // Valid UTF-8 has no lone surrogate and JSON no raw control character: only an escape can bring one in.
  if (text.includes('\\u')) assertStorable(value, '')
}

/** Members of all objects in a valid JSON text: its colons outside strings. */
function countMembers(text: string): number {
  let members = 0
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index)
    if (character === colon) members += 1
    else if (character === quote) index = endOfString(text, index + 1)
  }
  return members
}

function endOfString(text: string, start: number): number {
  let index = start
  while (index < text.length) {
    const character = text.charCodeAt(index)
    if (character === quote) return index
    index += character === backslash ? 2 : 1
  }
  return index
}

function countProperties(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (depth > maxNesting) throw new AppError('malformed_body', 'The body is nested too deeply.')
  let properties = 0
  if (Array.isArray(value)) {
    for (const item of value) properties += countProperties(item, depth + 1)
    return properties
  }
  for (const [name, item] of Object.entries(value)) {
    if (name === '__proto__' || (name === 'constructor' && reachesPrototype(item))) {
      throw new AppError('malformed_body', 'The body names a field that is not allowed.')
    }
    properties += 1 + countProperties(item, depth + 1)
  }
  return properties
}

function reachesPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}

function assertStorable(value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (!isStorable(value)) refuse(path)
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => {
      assertStorable(item, `${path}/${index}`)
    })
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      if (!isStorable(name)) refuse(path)
      assertStorable(item, `${path}/${pointerToken(name)}`)
    }
  }
}

/** PostgreSQL's text and jsonb hold no U+0000 and no half of a surrogate pair. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text)
}

function refuse(path: string): never {
  throw new AppError('validation_failed', undefined, {
    errors: [{ path, message: 'has characters that are not allowed' }],
  })
}
