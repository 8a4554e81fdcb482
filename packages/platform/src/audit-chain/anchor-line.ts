import { Type } from 'typebox'
import { compileSchema } from '../validation/compile-schema.js'
import type { Anchor } from './anchor.js'

/** An anchor as log lines, files and events have it. */
export const AnchorLine = Type.Object({
  chain: Type.String({ format: 'uuid' }),
  number: Type.String({ pattern: '^[0-9]{1,19}$' }),
  lastSeq: Type.String({ pattern: '^[0-9]{1,19}$' }),
  /** The hash of the batch; `hash` would be taken for a secret, and not logged. */
  head: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  signedAt: Type.String({ format: 'date-time' }),
  publicKey: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  signature: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' }),
})
export type AnchorLine = Type.Static<typeof AnchorLine>

const anchorLine = compileSchema(AnchorLine)

export function writeAnchor(anchor: Anchor): AnchorLine {
  return {
    chain: anchor.chainId,
    number: String(anchor.number),
    lastSeq: String(anchor.lastSeq),
    head: anchor.hash.toString('hex'),
    signedAt: anchor.signedAt.toISOString(),
    publicKey: anchor.publicKey.toString('base64url'),
    signature: anchor.signature.toString('base64url'),
  }
}

/** Null for a line that is none: the last one of a disk that was full. */
export function readAnchor(line: string): Anchor | null {
  const value = parseOrNull(line)
  if (!anchorLine.matches(value)) return null
  return {
    chainId: value.chain,
    number: BigInt(value.number),
    lastSeq: BigInt(value.lastSeq),
    hash: Buffer.from(value.head, 'hex'),
    signedAt: new Date(value.signedAt),
    publicKey: Buffer.from(value.publicKey, 'base64url'),
    signature: Buffer.from(value.signature, 'base64url'),
  }
}

function parseOrNull(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
