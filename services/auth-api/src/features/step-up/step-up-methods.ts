import type { Sql } from '@latchkey/platform/database/client'
import { hasPassword } from './queries.js'

/** What would satisfy a route that needs fresh authentication, of what the user has. */
export async function listStepUpMethods({ sql }: { sql: Sql }, userId: string): Promise<string[]> {
  return (await hasPassword(sql, userId)) ? ['password'] : []
}
