/**
 * The race that would sign people out at random: cleanup has seen that a session expired, a refresh extends it, and cleanup
 * deletes it all the same. Each extension that PostgreSQL acknowledged must find its row alive afterwards.
 */
import t from 'tap'
import type { Sql } from '@latchkey/platform/database/client'
import { cleanExpiredTokens } from '@latchkey/worker/jobs/clean-expired-tokens/clean-expired-tokens'
import { insertSessions, insertUser, remainingSessions } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'

const { signal } = new AbortController()

t.test('a session that is extended while cleanup runs survives, each time', async (t) => {
  const { deps, db } = await createTestDeps(t, { tokenCleanupBatchSize: 20 })
  const userId = await insertUser(db)
  let extended = 0
  let deleted = 0
  for (let round = 0; round < 20; round++) {
    const ids = await insertSessions(db, userId, { idle: -1 }, 300)
    // The ids are random: sorted, they are in an order that has nothing to do with that of the pages.
    const extending = extendAll(db, ids.toSorted())
    const cleaned = await cleanExpiredTokens(deps, { signal })
    const survivors = await extending
    const remaining = await remainingSessions(db)
    const lost = survivors.filter((id) => !remaining.has(id))
    if (lost.length > 0) t.fail(`round ${round}: ${lost.length} extended sessions were deleted`)
    extended += survivors.length
    deleted += cleaned.session_expired
  }
  t.equal(extended + deleted, 20 * 300, 'every session was extended or deleted, and none both')
  t.ok(extended > 0 && deleted > 0, `${extended} extended, ${deleted} deleted`)
})

t.test('an extension that was under way when cleanup came by decides', async (t) => {
  const { deps, db } = await createTestDeps(t)
  const userId = await insertUser(db)
  const [id = ''] = await insertSessions(db, userId, { idle: -1 })
  await db.begin(async (transaction) => {
    await extend(transaction, id)
    t.equal((await cleanExpiredTokens(deps, { signal })).session_expired, 0)
  })
  t.equal((await cleanExpiredTokens(deps, { signal })).session_expired, 0)
  t.same([...(await remainingSessions(db))], [id])
})

/** Answers the ids of the sessions that were there to be extended. */
async function extendAll(db: Sql, ids: readonly string[]): Promise<string[]> {
  const survivors: string[] = []
  const lanes = [0, 1, 2].map(async (lane) => {
    for (let index = lane; index < ids.length; index += 3) {
      const id = ids[index] ?? ''
      if (await extend(db, id)) survivors.push(id)
    }
  })
  await Promise.all(lanes)
  return survivors
}

/** What a refresh does to the row. */
async function extend(db: Sql, id: string): Promise<boolean> {
  const { count } = await db`
    UPDATE sessions SET generation = generation + 1, idle_expires_at = now() + interval '7 days' WHERE id = ${id}`
  return count === 1
}
