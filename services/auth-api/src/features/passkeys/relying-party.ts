import type { Config } from '@latchkey/platform/config/config'

/** Who asks for passkeys: Web Authentication Level 3, 5.4.2. */
export interface RelyingParty {
  /** The domain that they are bound to. */
  readonly id: string
  readonly name: string
  /** Whose pages, and apps, may ask for them. */
  readonly origins: readonly string[]
}

export const relyingPartyOf = ({
  webauthnRpId,
  webauthnRpName,
  webauthnOrigins,
}: Pick<Config, 'webauthnRpId' | 'webauthnRpName' | 'webauthnOrigins'>): RelyingParty => ({
  id: webauthnRpId,
  name: webauthnRpName,
  origins: webauthnOrigins,
})

/** COSE, RFC 9053: ES256, EdDSA (Ed25519) and RS256, which covers every authenticator there is. The first is asked for first. */
export const supportedAlgorithms = [-7, -8, -257] as const
