import type { Sql } from '@latchkey/platform/database/client'
import type { WayIn } from './assert-not-last-way-in.js'

/** Under `lockOwner`: whether the user could still sign in without this one. */
export async function hasOtherWayIn(sql: Sql, userId: string, _removing: WayIn): Promise<boolean> {
  const [row] = await sql<{ isLeft: boolean }[]>`
    SELECT EXISTS (SELECT FROM credentials WHERE user_id = ${userId}) AS is_left`
  return row?.isLeft === true
}
