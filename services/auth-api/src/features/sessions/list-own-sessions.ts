import type { SessionListItem } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import { listSessions } from './queries.js'
import { deviceNameOf } from './user-agent.js'

export async function listOwnSessions(
  { sql, config }: Pick<Deps, 'sql' | 'config'>,
  caller: { userId: string; sessionId: string },
): Promise<SessionListItem[]> {
  const rows = await listSessions(sql, caller.userId, config)
  return rows.map((row) => ({
    ...row,
    deviceName: row.deviceName ?? deviceNameOf(row.userAgent),
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    isCurrent: row.id === caller.sessionId,
  }))
}
