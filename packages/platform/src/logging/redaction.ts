import { problems } from '@latchkey/contracts/errors'
import { serializeError } from './errors.js'

export const redacted = '[redacted]'

// Matched against the end of a name without its separators, so that refreshToken, x-csrf-token and REFRESH_TOKEN are one.
const secretName =
  /(password|passwd|passphrase|secrets?|tokens?|authorization|cookies?|credentials?|privatekey(pem)?|apikey|(?<!status|exit|error)codes?|otp|totp|hash|idempotencykey|headers|trailers|body|payload|query(string)?|parameters|params|args)$/
const addressName = /(url|uri|href|path)$/

/** Deeper or larger objects are cut: a socket or a client logged by accident would otherwise cost milliseconds. */
const maxDepth = 6
const maxValues = 500

/** A copy of what is about to be logged, without secrets at any depth, binary data and the values that errors carry. */
export function redact(fields: object, keepRaw?: ReadonlySet<string>): Record<string, unknown> {
  const budget = { values: maxValues }
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    copy[name] = keepRaw?.has(name) === true ? value : redactField(name, value, 1, budget)
  }
  return copy
}

function redactField(name: string, value: unknown, depth: number, budget: { values: number }): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value
  const plainName = name.replace(/[^a-z0-9]/gi, '').toLowerCase()
  if (secretName.test(plainName) && !isHarmless(plainName, value)) return redacted
  if (typeof value === 'string' && addressName.test(plainName)) return withoutQuery(value)
  return redactValue(value, depth, budget)
}

function redactValue(value: unknown, depth: number, budget: { values: number }): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth || budget.values <= 0) return '[cut]'
  if (value instanceof Error) return serializeError(value)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Date) return value
  if (value instanceof URL) return value.origin + value.pathname
  if (Array.isArray(value)) {
    return value.slice(0, budget.values).map((item: unknown) => {
      budget.values -= 1
      return redactValue(item, depth + 1, budget)
    })
  }
  const copy: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) {
    budget.values -= 1
    if (budget.values < 0) break
    copy[name] = redactField(name, inner, depth + 1, budget)
  }
  return copy
}

/** No secrets: a count (`tokens: 12`), the words of a start-up summary, our own published error codes (`code: rate_limited`). */
function isHarmless(plainName: string, value: unknown): boolean {
  if (typeof value === 'number') return !/(code|otp|password|secret)$/.test(plainName)
  return (
    value === 'set' ||
    value === 'unset' ||
    (plainName.endsWith('code') && typeof value === 'string' && value in problems)
  )
}

function withoutQuery(address: string): string {
  const end = address.search(/[?#]/)
  return end === -1 ? address : address.slice(0, end)
}
