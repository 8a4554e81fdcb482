import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import type { Logger } from '@latchkey/platform/logging/logger'
import { createOutbound } from '@latchkey/platform/outbound/outbound'
import type { Claims } from './foreign-identity.js'
import { createOpenIdProvider, type OpenIdProvider, type Registration } from './openid-provider.js'

export interface IdentityProviders {
  /** In the order of the settings, Google first. */
  readonly list: readonly { readonly id: string; readonly name: string }[]
  /** @throws AppError not_found. */
  get(id: string): OpenIdProvider
}

type ProviderConfig = Pick<
  Config,
  'googleClientId' | 'googleClientSecret' | 'oidcProviders' | 'outboundAllowedNetworks'
>

const defaultGoogleIssuer = 'https://accounts.google.com'

/** Metadata, keys, tokens and user info are a few KiB each. */
const maxAnswerBytes = 256 * 1024

/** Those that the operator has registered us with. Nothing is asked of any before somebody signs in with it. */
export function createIdentityProviders(
  config: ProviderConfig,
  log: Logger,
  { googleIssuer = defaultGoogleIssuer }: { googleIssuer?: string | undefined } = {},
): IdentityProviders {
  const outbound = createOutbound({
    allowedNetworks: config.outboundAllowedNetworks,
    maxBytes: maxAnswerBytes,
  })
  const registrations: Registration[] = (config.oidcProviders ?? []).map((provider) => ({
    ...provider,
    isBelieved: () => provider.trustEmail,
  }))
  const { googleClientId, googleClientSecret } = config
  if (googleClientId !== null && googleClientSecret !== null) {
    registrations.unshift({
      id: 'google',
      name: 'Google',
      issuer: googleIssuer,
      clientId: googleClientId,
      clientSecret: googleClientSecret,
      scopes: ['openid', 'email', 'profile'],
      isBelieved: isGooglesOwn,
    })
  }
  const providers = new Map(
    registrations.map((registration) => [
      registration.id,
      createOpenIdProvider(registration, { outbound, log }),
    ]),
  )
  return {
    list: registrations.map(({ id, name }) => ({ id, name })),
    get(id) {
      const provider = providers.get(id)
      if (provider === undefined) throw new AppError('not_found')
      return provider
    },
  }
}

/**
 * Google keeps the mailboxes of gmail.com and of the domains of its Workspace, which `hd` tells. Any other address was somebody's when
 * they opened their account with it, and may be somebody else's since ("Verify the Google ID token on your server side").
 */
function isGooglesOwn(email: string, { hd }: Claims): boolean {
  return /@(gmail|googlemail)\.com$/i.test(email) || (typeof hd === 'string' && hd !== '')
}
