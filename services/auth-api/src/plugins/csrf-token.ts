import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { SecretKeys } from '@latchkey/platform/crypto/keyring'

// base64url( nonce (18) ) . base64url( HMAC-SHA-256( session id, nonce ) ), the OWASP signed double-submit token. The session id is
// an id or nothing and the nonce has one length, so that no two pairs make one text.
const nonceLength = 18
const shape = /^([\w-]{24})\.[\w-]{43}$/

/** A token for the pages of one session; of no session when the id is null. */
export function createCsrfToken(keys: SecretKeys, sessionId: string | null): string {
  return signed(keys, randomBytes(nonceLength).toString('base64url'), sessionId)
}

/** Whether one of these secrets made the token for exactly this session. */
export function isCsrfTokenOf(
  accepted: readonly SecretKeys[],
  token: string,
  sessionId: string | null,
): boolean {
  const nonce = shape.exec(token)?.[1]
  if (nonce === undefined) return false
  return accepted.some((keys) =>
    timingSafeEqual(Buffer.from(signed(keys, nonce, sessionId)), Buffer.from(token)),
  )
}

function signed(keys: SecretKeys, nonce: string, sessionId: string | null): string {
  const mac = createHmac('sha256', keys.csrf)
    .update(sessionId ?? '')
    .update(nonce)
  return `${nonce}.${mac.digest('base64url')}`
}
