import type {
  PasskeyAssertion,
  PasskeyAttestation,
  PasskeyCreationOptions,
  PasskeyRequestOptions,
} from '@latchkey/contracts/http/passkeys'
import {
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { createSelfSigned } from './self-signed.js'

export type Algorithm = 'ES256' | 'EdDSA' | 'RS256'

/** A passkey as its authenticator keeps it. */
export interface HeldPasskey {
  readonly algorithm: Algorithm
  readonly privateKey: KeyObject
  readonly cose: Buffer
  readonly credentialId: string
  readonly rpId: string
  readonly userHandle: string
  signCount: number
  readonly isSynced: boolean
}

/** What a dishonest client or authenticator does otherwise. */
export interface Bend {
  type?: string
  origin?: string
  challenge?: string
  rpId?: string
  crossOrigin?: unknown
  topOrigin?: string
  /** In place of what would be sent. */
  clientDataJSON?: string
  authenticatorData?: string
  attestationObject?: string
  credentialId?: string
  userHandle?: string | null
  signCount?: number
  userPresent?: boolean
  userVerified?: boolean
  isSynced?: boolean
  isBackedUp?: boolean
  /** Of the public key. */
  cose?: Cbor
  format?: string
  statement?: Cbor
  /** By the key itself, or by a certificate as keys of old have it. */
  attestedBy?: 'itself' | 'certificate'
  signature?: Buffer
}

export const testOrigin = 'https://app.example.com'
export const testRpId = 'example.com'

/** An authenticator that asks nobody, and a browser that checks nothing. */
export function makePasskey(
  options: PasskeyCreationOptions,
  { algorithm = 'ES256', isSynced = true, signCount = 0, ...bend }: Bend & { algorithm?: Algorithm } = {},
): { held: HeldPasskey; attestation: PasskeyAttestation } {
  const { privateKey, publicKey } = newKeyPair(algorithm)
  const cose = encode(bend.cose ?? coseOf(algorithm, publicKey.export({ format: 'jwk' })))
  const credentialId = bend.credentialId ?? randomBytes(32).toString('base64url')
  const held = {
    algorithm,
    privateKey,
    cose,
    credentialId,
    rpId: options.rp.id,
    userHandle: options.user.id,
    signCount,
    isSynced,
  }
  const id = Buffer.from(credentialId, 'base64url')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(id.length)
  const authData = Buffer.concat([
    authenticatorDataOf(held, { isSynced, signCount, ...bend }, true),
    Buffer.alloc(16),
    length,
    id,
    cose,
  ])
  const clientDataJSON = clientDataOf('webauthn.create', options.challenge, bend)
  const { format, statement } = attest({ authData, clientDataJSON, held, publicKey }, bend)
  const attestation = encode(
    new Map<Cbor, Cbor>([
      ['fmt', format],
      ['attStmt', statement],
      ['authData', authData],
    ]),
  )
  return {
    held,
    attestation: {
      id: credentialId,
      rawId: credentialId,
      type: 'public-key',
      clientExtensionResults: { credProps: { rk: true } },
      response: {
        clientDataJSON,
        attestationObject: bend.attestationObject ?? attestation.toString('base64url'),
        transports: ['internal', 'hybrid', 'carrier-pigeon'],
      },
    },
  }
}

interface Made {
  authData: Buffer
  clientDataJSON: string
  held: HeldPasskey
  publicKey: KeyObject
}

/** Web Authentication Level 3, 8.2 without a certificate, 8.6 with one. */
function attest(
  { authData, clientDataJSON, held, publicKey }: Made,
  { attestedBy, format = 'none', statement = new Map() }: Bend,
): { format: string; statement: Cbor } {
  const hash = sha256(Buffer.from(clientDataJSON, 'base64url'))
  const of = (...entries: [string, Cbor][]): Cbor => new Map<Cbor, Cbor>(entries)
  if (attestedBy === 'itself') {
    const signature = sign('sha256', Buffer.concat([authData, hash]), held.privateKey)
    return { format: 'packed', statement: of(['alg', -7], ['sig', signature]) }
  }
  if (attestedBy === undefined) return { format, statement }
  const { key, cert } = createSelfSigned()
  const { x, y } = publicKey.export({ format: 'jwk' })
  const id = Buffer.from(held.credentialId, 'base64url')
  const signed = [Buffer.of(0), authData.subarray(0, 32), hash, id, Buffer.of(4), bytes(x), bytes(y)]
  const certificate = Buffer.from(cert.replaceAll(/-----.*-----|\n/g, ''), 'base64')
  const signature = sign('sha256', Buffer.concat(signed), key)
  return { format: 'fido-u2f', statement: of(['sig', signature], ['x5c', [certificate]]) }
}

/** Signs with a passkey and counts on, unless it is one that does not count. */
export function usePasskey(
  { challenge }: PasskeyRequestOptions,
  held: HeldPasskey,
  bend: Bend = {},
): PasskeyAssertion {
  if (held.signCount > 0) held.signCount += 1
  const clientDataJSON = clientDataOf('webauthn.get', challenge, bend)
  const authData =
    bend.authenticatorData === undefined
      ? authenticatorDataOf(held, bend, false)
      : Buffer.from(bend.authenticatorData, 'base64url')
  const signed = Buffer.concat([authData, sha256(Buffer.from(clientDataJSON, 'base64url'))])
  const signature =
    bend.signature ?? sign(held.algorithm === 'EdDSA' ? null : 'sha256', signed, held.privateKey)
  const credentialId = bend.credentialId ?? held.credentialId
  return {
    id: credentialId,
    rawId: credentialId,
    type: 'public-key',
    authenticatorAttachment: 'platform',
    clientExtensionResults: {},
    response: {
      clientDataJSON,
      authenticatorData: authData.toString('base64url'),
      signature: signature.toString('base64url'),
      ...(bend.userHandle === null ? {} : { userHandle: bend.userHandle ?? held.userHandle }),
    },
  }
}

function clientDataOf(type: string, challenge: string, bend: Bend): string {
  if (bend.clientDataJSON !== undefined) return bend.clientDataJSON
  const data = {
    type: bend.type ?? type,
    challenge: bend.challenge ?? challenge,
    origin: bend.origin ?? testOrigin,
    crossOrigin: bend.crossOrigin ?? false,
    ...(bend.topOrigin !== undefined && { topOrigin: bend.topOrigin }),
  }
  return Buffer.from(JSON.stringify(data)).toString('base64url')
}

/** Web Authentication Level 3, 6.1. */
function authenticatorDataOf(held: HeldPasskey, bend: Bend, hasKey: boolean): Buffer {
  const { userPresent = true, userVerified = true, isSynced = held.isSynced } = bend
  const { isBackedUp = isSynced, signCount = held.signCount } = bend
  const flags = [userPresent, false, userVerified, isSynced, isBackedUp, false, hasKey]
  const head = Buffer.alloc(5)
  head.writeUInt8(flags.reduce((sum, isSet, bit) => sum + (isSet ? 2 ** bit : 0), 0))
  head.writeUInt32BE(signCount, 1)
  return Buffer.concat([sha256(Buffer.from(bend.rpId ?? held.rpId)), head])
}

function newKeyPair(algorithm: Algorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return algorithm === 'EdDSA'
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
}

const bytes = (text = ''): Buffer => Buffer.from(text, 'base64url')

/** RFC 9052, 7, and RFC 9053. */
export function coseOf(algorithm: Algorithm, { x, y, n, e }: JsonWebKey): Cbor {
  const of = (...entries: [number, Cbor][]): Cbor => new Map<Cbor, Cbor>(entries)
  if (algorithm === 'ES256') return of([1, 2], [3, -7], [-1, 1], [-2, bytes(x)], [-3, bytes(y)])
  if (algorithm === 'EdDSA') return of([1, 1], [3, -8], [-1, 6], [-2, bytes(x)])
  return of([1, 3], [3, -257], [-1, bytes(n)], [-2, bytes(e)])
}

export type Cbor = number | string | Buffer | readonly Cbor[] | ReadonlyMap<Cbor, Cbor>

/** As much of RFC 8949 as passkeys are made of. */
export function encode(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? headOf(1, -1 - value) : headOf(0, value)
  if (typeof value === 'string')
    return Buffer.concat([headOf(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (Buffer.isBuffer(value)) return Buffer.concat([headOf(2, value.length), value])
  if ('size' in value)
    return Buffer.concat([
      headOf(5, value.size),
      ...[...value].flatMap(([key, item]) => [encode(key), encode(item)]),
    ])
  return Buffer.concat([headOf(4, value.length), ...value.map(encode)])
}

function headOf(major: number, size: number): Buffer {
  const head = Buffer.alloc(size < 24 ? 1 : size < 256 ? 2 : 3)
  head.writeUInt8((major << 5) | (size < 24 ? size : size < 256 ? 24 : 25))
  if (head.length === 2) head.writeUInt8(size, 1)
  if (head.length === 3) head.writeUInt16BE(size, 1)
  return head
}

const sha256 = (data: Buffer): Buffer => createHash('sha256').update(data).digest()
