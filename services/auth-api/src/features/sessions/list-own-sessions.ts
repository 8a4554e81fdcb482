import type { SessionListItem } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import { listSessions } from './queries.js'

export async function listOwnSessions(
  { sql }: Pick<Deps, 'sql'>,
  caller: { userId: string; sessionId: string },
): Promise<SessionListItem[]> {
  const rows = await listSessions(sql, caller.userId)
  return rows.map((row) => ({
    ...row,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    isCurrent: row.id === caller.sessionId,
  }))
}
