import { createHmac, createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { Deps } from '@latchkey/auth-api/deps'

export type Json = Record<string, unknown>

export interface Forge {
  /** A header and payload as this api signs them, for changing. */
  readonly header: Json
  readonly payload: Json
  /** Signed with the key of this api, whatever header and payload say. */
  signed(header: Json, payload: Json): string
  signedBy(key: KeyObject, header: Json, payload: Json): string
  hmac(secret: string | Buffer, header: Json, payload: Json): string
}

/** Makes tokens that differ from a good one in one thing. */
export function createForge(deps: Deps, goodToken: string): Forge {
  const [header, payload] = goodToken
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json)
  if (header === undefined || payload === undefined) throw new Error('That is no JWT')
  const ownKey = createPrivateKey(deps.signingKeys.current().privateKeyPem)
  const signedBy = (key: KeyObject, head: Json, body: Json): string => {
    const input = `${encode(head)}.${encode(body)}`
    return `${input}.${signatureOf(key, input).toString('base64url')}`
  }
  return {
    header,
    payload,
    signedBy,
    signed: (head, body) => signedBy(ownKey, head, body),
    hmac(secret, head, body) {
      const input = `${encode(head)}.${encode(body)}`
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
    },
  }
}

export const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export function foreignKey(): { privateKey: KeyObject; publicJwk: Json } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, publicJwk: publicKey.export({ format: 'jwk' }) }
}

function signatureOf(key: KeyObject, input: string): Buffer {
  const bytes = Buffer.from(input)
  return key.asymmetricKeyType === 'ec'
    ? sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
    : sign(null, bytes, key)
}
