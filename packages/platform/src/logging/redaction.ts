import { problems } from '@latchkey/contracts/errors'
import { serializeError } from './errors.js'
import { fieldKind } from './field-names.js'

const redacted = '[redacted]'
const cut = '[cut]'

// A socket or a client logged by accident would otherwise cost milliseconds and fill a page.
const maxDepth = 6
const maxValues = 500

interface Walk {
  valuesLeft: number
}

/**
 * A copy of what is about to be logged, without secrets at any depth, binary data and the values that errors carry.
 * Never throws. `ownSerializer` names the top-level fields that pino hands to a serializer, raw.
 */
export function redact(fields: object, ownSerializer: ReadonlySet<string>): Record<string, unknown> {
  const walk: Walk = { valuesLeft: maxValues }
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(fields)) {
    try {
      const value: unknown = Reflect.get(fields, name)
      copy[name] = ownSerializer.has(name) ? value : redactField(name, value, 1, walk)
    } catch {
      copy[name] = cut // a getter threw; the line is worth more than the field
    }
  }
  return copy
}

function redactField(name: string, value: unknown, depth: number, walk: Walk): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value
  const kind = fieldKind(name)
  if (kind === 'secret' && !isHarmless(name, value)) return redacted
  if (kind === 'address' && typeof value === 'string') return withoutQuery(value)
  return redactValue(value, depth, walk)
}

function redactValue(value: unknown, depth: number, walk: Walk): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (value instanceof Error) return serializeError(value)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof URL) return value.origin + value.pathname
  if (depth > maxDepth || walk.valuesLeft <= 0) return cut
  if (Array.isArray(value)) {
    const items = value.slice(0, walk.valuesLeft)
    walk.valuesLeft -= items.length
    return items.map((item: unknown) => redactValue(item, depth + 1, walk))
  }
  const copy: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) {
    if ((walk.valuesLeft -= 1) < 0) break
    copy[name] = redactField(name, inner, depth + 1, walk)
  }
  return copy
}

/** No secrets: a count (`tokens: 12`), the words of a start-up summary, our own published error codes (`code: rate_limited`). */
function isHarmless(name: string, value: unknown): boolean {
  if (typeof value === 'number') return !/(code|otp|password|secret)$/i.test(name)
  if (typeof value !== 'string') return false
  return value === 'set' || value === 'unset' || (/code$/i.test(name) && Object.hasOwn(problems, value))
}

function withoutQuery(address: string): string {
  const end = address.search(/[?#]/)
  return end === -1 ? address : address.slice(0, end)
}
