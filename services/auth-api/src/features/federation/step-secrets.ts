import { createHash, createHmac, randomBytes } from 'node:crypto'

// 32 random bytes in base64url. 256 bits leave 2 of the last of 43 characters unused: each secret has exactly one spelling.
const secretShape = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const codePrefix = 'lkf_'

/** How long a person may take to sign in elsewhere. */
export const redirectSeconds = 600
/** From our answer to the browser's next request. */
export const ticketSeconds = 60
export const codeSeconds = 60

export const newSecret = (): string => randomBytes(32).toString('base64url')

export const isSecret = (text: string): boolean => secretShape.test(text)

/** What a step is looked up by: SHA-256, as the secrets are random. Also of a `code_verifier`, whose S256 challenge it is (RFC 7636, 4.2). */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** For URLs of ours, where it can be told from what is a provider's. */
export function newCode(): { code: string; hash: Buffer } {
  const code = codePrefix + newSecret()
  return { code, hash: hashSecret(code) }
}

/** Null for what cannot be one of ours. */
export function hashCode(code: string): Buffer | null {
  return code.startsWith(codePrefix) && isSecret(code.slice(codePrefix.length)) ? hashSecret(code) : null
}

/**
 * The PKCE verifier (RFC 7636) and the nonce (OpenID Connect Core 1.0, 3.1.2.1) of a sign-in. They are kept nowhere: they follow from the
 * browser's own secret, which no URL and no row has, so that neither a copy of the database nor whoever sees all the redirects can
 * use a code of the provider, and an answer in another browser fails at the provider already.
 */
export const codeVerifierOf = (browserSecret: string, state: string): string =>
  macOf(browserSecret, `pkce ${state}`)

export const nonceOf = (browserSecret: string, state: string): string =>
  macOf(browserSecret, `nonce ${state}`)

const macOf = (key: string, text: string): string =>
  createHmac('sha256', key).update(text).digest('base64url')
