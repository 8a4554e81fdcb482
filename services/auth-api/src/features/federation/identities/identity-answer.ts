import type { Identity } from '@latchkey/contracts/http/federation'
import type { IdentityRow } from './queries.js'

export const identityAnswer = ({ id, provider, email, linkedAt, lastUsedAt }: IdentityRow): Identity => ({
  id,
  provider,
  email,
  linkedAt: linkedAt.toISOString(),
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
})
