import { oidcProviders } from '../oidc-providers.js'
import { listOf, token } from '../parsers.js'
import { returnTarget } from '../return-targets.js'
import { defaulted, optional, secret } from '../setting.js'

export const federationSettings = {
  googleClientId: optional(
    'GOOGLE_CLIENT_ID',
    token(1, 255),
    'Client id at Google, for sign-in with Google; docs/federation.md tells how to get one.',
  ),
  googleClientSecret: secret(
    optional(
      'GOOGLE_CLIENT_SECRET',
      token(1, 255),
      'Client secret at Google. Required with GOOGLE_CLIENT_ID.',
    ),
  ),
  oidcProviders: secret(
    optional(
      'OIDC_PROVIDERS',
      oidcProviders,
      'OpenID providers to sign in with, as a JSON array; docs/federation.md shows one.',
    ),
  ),
  returnToAllowed: defaulted(
    'RETURN_TO_ALLOWED',
    (text) => (text === 'none' ? [] : listOf(returnTarget)(text)),
    { words: 'the same as ALLOWED_ORIGINS', compute: (textOf) => textOf('ALLOWED_ORIGINS') },
    'Where a sign-in elsewhere may lead back to: origins, each with a path or without, separated by commas; none for none.',
  ),
}
