import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import type { SecretKeys } from '../crypto/keyring.js'

/** The end of the chain at one moment. */
export interface Head {
  readonly chainId: string
  readonly number: bigint
  readonly lastSeq: bigint
  readonly hash: Buffer
}

export interface Anchor extends Head {
  readonly signedAt: Date
  /** Ed25519, 32 bytes. */
  readonly publicKey: Buffer
  readonly signature: Buffer
}

// A seed, and 32 bytes of a public key, in the DER that Node reads (RFC 8410, 7 and 4).
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Signed with a key of its own, derived from AUTH_SECRET: the database has nothing of it, and there is nothing more to keep or lose. After a
 * change of AUTH_SECRET the next anchor vouches for all that is before it.
 */
export function signHead(keys: Pick<SecretKeys, 'auditChain'>, head: Head, signedAt: Date): Anchor {
  const signature = sign(null, signedText(head, signedAt), privateKeyOf(keys))
  return { ...head, signedAt, publicKey: anchorPublicKey(keys), signature }
}

/** Whether the signature is by the very key that the anchor names. Whose key that is, is to be asked besides. */
export function isSignatureValid(anchor: Anchor): boolean {
  if (anchor.publicKey.length !== 32) return false
  const key = createPublicKey({
    key: Buffer.concat([publicPrefix, anchor.publicKey]),
    format: 'der',
    type: 'spki',
  })
  return verify(null, signedText(anchor, anchor.signedAt), key, anchor.signature)
}

export function anchorPublicKey(keys: Pick<SecretKeys, 'auditChain'>): Buffer {
  return createPublicKey(privateKeyOf(keys))
    .export({ format: 'der', type: 'spki' })
    .subarray(publicPrefix.length)
}

function privateKeyOf({ auditChain }: Pick<SecretKeys, 'auditChain'>): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privatePrefix, auditChain]), format: 'der', type: 'pkcs8' })
}

function signedText({ chainId, number, lastSeq, hash }: Head, signedAt: Date): Buffer {
  return Buffer.from(
    ['latchkey audit anchor v1', chainId, number, lastSeq, hash.toString('hex'), signedAt.toISOString()].join(
      '\n',
    ),
    'utf8',
  )
}
