import type { RememberedDevice } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import { listRememberedDevices as listRows } from './queries.js'

export async function listRememberedDevices(
  { config, sql }: Pick<Deps, 'config' | 'sql'>,
  userId: string,
): Promise<RememberedDevice[]> {
  const rows = await listRows(sql, { userId, rememberSeconds: config.mfaRememberTtlSeconds })
  return rows.map(({ createdAt, lastUsedAt, expiresAt, ...device }) => ({
    ...device,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  }))
}
