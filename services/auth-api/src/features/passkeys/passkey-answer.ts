import type { Passkey } from '@latchkey/contracts/http/passkeys'
import type { PasskeyRow } from './queries.js'

export const passkeyAnswer = (row: PasskeyRow): Passkey => ({
  id: row.id,
  name: row.name,
  isSynced: row.isSynced,
  createdAt: row.createdAt.toISOString(),
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  disabledAt: row.disabledAt?.toISOString() ?? null,
})
