import fastifyJwt from '@fastify/jwt'
import { AppError } from '@latchkey/contracts/errors'
import type { SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import fastify from 'fastify'
import { LruMap } from 'toad-cache'
import { Type, type Static } from 'typebox'

/** RFC 8725, 3.10: clocks of two machines differ by seconds, not by minutes. */
export const leewaySeconds = 30
const tokenType = 'at+jwt'

export interface TokenKey {
  readonly kid: string
  sign(payload: object): string
  /** Signature, issuer, type and times; the audience is the caller's to check. Throws `token_invalid` or `token_expired`. */
  verify(token: string): unknown
}

export interface TokenKeys {
  /** The key that signs now. */
  signing(): TokenKey
  /** The key that a token names, from our own set only. Throws `token_invalid`, and `unavailable` when it cannot be known. */
  verifying(token: string): Promise<TokenKey>
}

interface Expected {
  issuer: string
}

/** A rotation leaves two keys in use and a third published; more are kept for nobody. */
const maxPreparedKeys = 16

/**
 * One @fastify/jwt for each key of ours, with its algorithm pinned: a key given per call is parsed per call, which costs ten
 * times the signature. The caller's algorithm is never asked (RFC 8725, 3.1): it must equal the key's.
 */
export function createTokenKeys(signingKeys: SigningKeys, expected: Expected): TokenKeys {
  const signers = new LruMap<TokenKey>(maxPreparedKeys)
  const verifiers = new LruMap<TokenKey>(maxPreparedKeys)

  return {
    signing() {
      const { kid, algorithm, privateKeyPem } = signingKeys.current()
      let prepared = signers.get(kid)
      if (prepared === undefined) {
        const publicKeyPem = signingKeys.verificationKey(kid)?.publicKeyPem
        if (publicKeyPem === undefined) throw new Error(`The signing key ${kid} is not published`)
        prepared = prepareKey({ kid, algorithm, privateKeyPem, publicKeyPem }, expected)
        signers.set(kid, prepared)
      }
      return prepared
    },
    async verifying(token) {
      const header = headerOf(token)
      const key = await signingKeys.findVerificationKey(header.kid)
      if (key === null || key.algorithm !== header.alg) throw new AppError('token_invalid')
      let prepared = verifiers.get(header.kid)
      if (prepared === undefined) {
        prepared = prepareKey({ kid: header.kid, ...key, privateKeyPem: null }, expected)
        verifiers.set(header.kid, prepared)
      }
      return prepared
    },
  }
}

interface KeyMaterial {
  kid: string
  algorithm: 'ES256' | 'EdDSA'
  publicKeyPem: string
  privateKeyPem: string | null
}

function prepareKey(
  { kid, algorithm, publicKeyPem, privateKeyPem }: KeyMaterial,
  expected: Expected,
): TokenKey {
  const host = fastify() // carries the plugin and serves nothing
  let failure: Error | undefined
  fastifyJwt(
    host,
    {
      secret:
        privateKeyPem === null ? { public: publicKeyPem } : { public: publicKeyPem, private: privateKeyPem },
      sign: { algorithm, kid, header: { alg: algorithm, typ: tokenType } },
      verify: {
        algorithms: [algorithm],
        checkTyp: tokenType,
        allowedIss: expected.issuer,
        requiredClaims: ['iss', 'aud', 'sub', 'exp'],
        clockTolerance: leewaySeconds * 1000,
        cache: false, // it has taken one token for another before (GHSA-rp9m-7r4c-75qg)
      },
    },
    (error) => {
      failure = error
    },
  )
  if (failure !== undefined) throw failure
  return {
    kid,
    sign: (payload) => host.jwt.sign(payload),
    verify: (token) => {
      try {
        return host.jwt.verify(token)
      } catch (error) {
        throw new AppError(isExpiry(error) ? 'token_expired' : 'token_invalid', undefined, { cause: error })
      }
    },
  }
}

/**
 * A header of ours has three members. Anything else (jku, x5u, jwk, crit) asks us to trust what the caller brought along
 * (RFC 8725, 3.10) and is refused unread.
 */
const TokenHeader = Type.Object(
  { alg: Type.String(), kid: Type.String(), typ: Type.Literal(tokenType) },
  { additionalProperties: false },
)
const headerSchema = compileSchema(TokenHeader)

function headerOf(token: string): Static<typeof TokenHeader> {
  const header = parseHeader(token.slice(0, token.indexOf('.')))
  if (!headerSchema.matches(header)) throw new AppError('token_invalid')
  return header
}

function parseHeader(segment: string): unknown {
  try {
    return JSON.parse(Buffer.from(segment, 'base64url').toString())
  } catch {
    return null
  }
}

function isExpiry(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FAST_JWT_EXPIRED'
}
