import type { Sql } from '@latchkey/platform/database/client'
import type { WayIn } from './assert-not-last-way-in.js'

/** Under `lockOwner`: whether the user could still sign in without this one. */
export async function hasOtherWayIn(
  sql: Sql,
  { userId, removing, providers }: { userId: string; removing: WayIn; providers: string[] },
): Promise<boolean> {
  const [row] = await sql<{ isLeft: boolean }[]>`
    SELECT EXISTS (SELECT FROM credentials WHERE user_id = ${userId})
      OR EXISTS (SELECT FROM passkeys WHERE user_id = ${userId} AND disabled_at IS NULL AND id <> ${removing.id})
      OR EXISTS (SELECT FROM identities WHERE user_id = ${userId} AND provider = ANY (${providers}::text[]) AND id <> ${removing.id})
      AS is_left`
  return row?.isLeft === true
}
