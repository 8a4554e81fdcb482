import type { SessionRecord } from './record.js'

const shape: Record<keyof SessionRecord, readonly string[]> = {
  sessionId: ['string'],
  rotation: ['number'],
  keySeed: ['string'],
  refreshToken: ['string', 'null'],
  accessToken: ['string', 'null'],
  obtainedAt: ['number'],
  expiresAt: ['number'],
  user: ['object'],
  changedAt: ['number'],
}

const typeOf = (value: unknown): string => (value === null ? 'null' : typeof value)

/** Null for what is no record: something else's, of another version, or half of one. */
export function parseRecord(text: string | null): SessionRecord | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is SessionRecord {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map(Object.entries(value))
  return Object.entries(shape).every(([name, types]) => types.includes(typeOf(fields.get(name))))
}
