import type { FieldError } from '@latchkey/contracts/errors'
import { isJsonObject, pointerPart, type JsonObject } from './json-objects.js'

/** As JSON in UTF-8. Traits are read with every session, so they are kept small; a blob belongs elsewhere. */
const maxBytes = 16 * 1024
const maxNames = 64
const maxNameLength = 64

/** Lists and objects within one another, traits being the first: what a request body has room for. */
const maxDepth = 9

/** What no schema may allow: what is too much to keep, and what PostgreSQL cannot store. Null when there is nothing of it. */
export function boundProblem(traits: JsonObject): FieldError | null {
  const names = Object.keys(traits)
  if (names.length > maxNames) return { path: '/traits', message: `must have at most ${maxNames} fields` }
  if (names.some((name) => name.length > maxNameLength))
    return { path: '/traits', message: `must have names of at most ${maxNameLength} characters` }
  const problem = problemWithin(traits, '/traits', 1)
  if (problem !== null) return problem
  if (Buffer.byteLength(JSON.stringify(traits)) <= maxBytes) return null
  return { path: '/traits', message: `must have at most ${maxBytes} bytes` }
}

function problemWithin(value: unknown, path: string, depth: number): FieldError | null {
  if (typeof value === 'string') return isStorable(value) ? null : unstorable(path)
  if (typeof value !== 'object' || value === null) return null
  if (depth > maxDepth) return { path: '/traits', message: 'must not be nested so deeply' }
  for (const [name, item] of Object.entries(value)) {
    if (isJsonObject(value) && !isStorable(name)) return unstorable(path)
    const problem = problemWithin(item, `${path}/${pointerPart(name)}`, depth + 1)
    if (problem !== null) return problem
  }
  return null
}

/** jsonb holds no U+0000 and no half of a surrogate pair. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text)
}

function unstorable(path: string): FieldError {
  return { path, message: 'has characters that are not allowed' }
}
