import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { Config } from '../config/config.js'

export type SigningAlgorithm = Config['signingAlgorithm']

/** As published (RFC 7517): `alg` pins the one algorithm that the key is good for (RFC 8725, 3.1). */
export interface PublicJwk {
  readonly kty: 'EC' | 'OKP'
  readonly crv: 'P-256' | 'Ed25519'
  readonly x: string
  readonly y?: string
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
}

export interface NewSigningKey {
  /** RFC 7638 thumbprint: names the key by what it is, so that no two keys can ever share a name. */
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly publicJwk: PublicJwk
  /** PKCS#8, DER. */
  readonly privateKey: Buffer
}

const generate = promisify(generateKeyPair)

export async function generateSigningKey(algorithm: SigningAlgorithm): Promise<NewSigningKey> {
  const { publicKey, privateKey } =
    algorithm === 'ES256' ? await generate('ec', { namedCurve: 'P-256' }) : await generate('ed25519')
  const publicJwk = toPublicJwk(publicKey)
  if (publicJwk === null) throw new Error(`This Node.js makes ${algorithm} keys of an unknown kind`)
  return {
    kid: publicJwk.kid,
    algorithm,
    publicJwk,
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
  }
}

/** Null unless it is a public key of exactly that algorithm whose name is its thumbprint. */
export function readPublicKey(
  jwk: unknown,
  kid: string,
  algorithm: string,
): { jwk: PublicJwk; pem: string } | null {
  if (!isJsonObject(jwk)) return null
  const publicKey = importOrNull(() => createPublicKey({ key: jwk, format: 'jwk' }))
  const publicJwk = publicKey === null ? null : toPublicJwk(publicKey)
  if (publicKey === null || publicJwk?.kid !== kid || publicJwk.alg !== algorithm) return null
  return { jwk: publicJwk, pem: publicKey.export({ format: 'pem', type: 'spki' }).toString() }
}

/** Null unless it is the private half of the key that `kid` names. */
export function readPrivateKeyPem(pkcs8: Buffer, kid: string): string | null {
  const privateKey = importOrNull(() => createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
  if (privateKey === null || toPublicJwk(createPublicKey(privateKey))?.kid !== kid) return null
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

function toPublicJwk(publicKey: KeyObject): PublicJwk | null {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  if (kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined) {
    return { kty, crv, x, y, kid: thumbprint({ crv, kty, x, y }), alg: 'ES256', use: 'sig' }
  }
  if (kty === 'OKP' && crv === 'Ed25519' && x !== undefined) {
    return { kty, crv, x, kid: thumbprint({ crv, kty, x }), alg: 'EdDSA', use: 'sig' }
  }
  return null
}

/** RFC 7638, section 3: the required members, in alphabetical order and without spaces. */
function thumbprint(members: { crv: string; kty: string; x: string; y?: string }): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

function importOrNull(read: () => KeyObject): KeyObject | null {
  try {
    return read()
  } catch {
    return null
  }
}

/** Node checks the members. */
function isJsonObject(value: unknown): value is JsonWebKey {
  return typeof value === 'object' && value !== null
}
