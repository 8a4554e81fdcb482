import { randomUUID } from 'node:crypto'
import type { Sql } from '../database/client.js'
import type { Denylist } from '../redis/denylist.js'
import { readRevocations } from './queries.js'

export type RebuildOutcome = 'completed' | 'busy' | 'overtaken'

/**
 * Fills the list of a server that lost it, and then says so with the epoch. One process at a time does it; meanwhile all read
 * PostgreSQL. The order is what makes it safe:
 *
 * 1. The server's run (`runId`) was read before anything is written. Should the server die in between, the epoch will name a run
 *    that is over, and nobody believes it.
 * 2. The lock is taken before the snapshot. What empties the server takes the lock with it (FLUSHALL) or makes it another run,
 *    so that an epoch which is believed means that nothing was lost since before the snapshot.
 * 3. The snapshot of PostgreSQL, and its entries. A revocation committed before it is among them. One committed after it is
 *    written by `revoke`, which comes after its own commit, so after the lock: it lands on the server that is being filled
 *    and stays, whether before or after the epoch. If that write fails, `revoke` outwaits everyone's trust (catch-up.ts).
 * 4. The epoch, with the lock given back in the same step. A crash before it leaves no epoch, and the lock runs out.
 *
 * Two at once, after a lock ran out, do no harm: both write what is true, and only the holder of the lock completes.
 */
export async function rebuildRevocationList(
  denylist: Denylist,
  sql: Sql,
  { runId, windowSeconds }: { runId: string; windowSeconds: number },
): Promise<RebuildOutcome> {
  const token = randomUUID()
  if (!(await denylist.lock(token))) return 'busy'
  try {
    for await (const page of readRevocations(sql, { sinceSeconds: windowSeconds, windowSeconds })) {
      await denylist.addMissing(page)
      if (!(await denylist.keepLock(token))) return 'overtaken'
    }
    return (await denylist.complete(token, runId)) ? 'completed' : 'overtaken'
  } catch (error) {
    await denylist.unlock(token).catch(() => undefined)
    throw error
  }
}
