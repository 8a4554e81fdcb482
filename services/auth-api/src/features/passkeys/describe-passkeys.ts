import type { DescribedPasskey } from './queries.js'

/** As authenticators are told which passkeys are meant. */
export const describePasskeys = (passkeys: readonly DescribedPasskey[]) =>
  passkeys.map(({ credentialId, transports }) => ({
    type: 'public-key' as const,
    id: credentialId.toString('base64url'),
    transports,
  }))
