import { v7 } from 'uuid'

/** UUIDv7 (RFC 9562): ordered by time, so that b-trees grow at one end. An identifier, never a secret. */
export function newId(): string {
  return v7()
}
