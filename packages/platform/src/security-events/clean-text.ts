import { isIP } from 'node:net'

const maxTextLength = 2048
const maxDepth = 6

/**
 * Text that PostgreSQL can store: it refuses U+0000 everywhere and lone surrogates in jsonb. Both arrive in user agents and
 * names at an attacker's will; one such event must not make its batch fail.
 */
export function cleanText(text: string, maxLength = maxTextLength): string {
  return text.slice(0, maxLength).replaceAll(/[\0\p{Surrogate}]/gu, '\uFFFD')
}

export function cleanNullableText(text: string | null | undefined, maxLength: number): string | null {
  return text === null || text === undefined ? null : cleanText(text, maxLength)
}

/** The address without the zone that a link-local one carries (`fe80::1%eth0`); null for what is no address. */
export function cleanAddress(ip: string | null | undefined): string | null {
  const address = ip?.split('%', 1)[0] ?? ''
  return isIP(address) === 0 ? null : address
}

const uuidPattern = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

export function cleanId(id: string | null | undefined): string | null {
  return id !== null && id !== undefined && uuidPattern.test(id) ? id : null
}

/** A copy that JSON and jsonb hold without loss: clean text at every depth, no bigint, no endless nesting. */
export function cleanData(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return cleanRecord(data, 0)
}

function cleanRecord(record: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [cleanText(key), cleanValue(value, depth + 1)]),
  )
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return null
  return Array.isArray(value) ? value.map((item) => cleanValue(item, depth + 1)) : cleanRecord(value, depth)
}
