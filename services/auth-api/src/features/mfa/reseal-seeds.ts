import type { Deps } from '../../deps.js'
import { listSealedSeeds, replaceSealedSeeds, type SealedSeed } from './enrolment/queries.js'
import { resealSeed } from './totp-seed.js'

const seedsPerTurn = 500
const beforeAll = '00000000-0000-0000-0000-000000000000'

/**
 * Seals every seed with the present AUTH_SECRET, so that the one before can be taken out without locking out whoever has not signed in
 * since. A process that starts with both secrets does it beside its work; several at once do no harm. Never throws: the log says
 * whether it is done.
 */
export async function resealSeeds({
  keyring,
  log,
  sql,
}: Pick<Deps, 'keyring' | 'log' | 'sql'>): Promise<void> {
  let moved = 0
  let lost = 0

  /** Null when it needs no change, or when neither secret opens it. */
  function reseal({ userId, sealedSeed }: SealedSeed): Buffer | null {
    try {
      const resealed = resealSeed(keyring, userId, sealedSeed)
      return resealed === sealedSeed ? null : resealed
    } catch {
      lost += 1
      return null
    }
  }

  try {
    let seeds: SealedSeed[] = []
    let after = beforeAll
    do {
      seeds = await listSealedSeeds(sql, { after, limit: seedsPerTurn })
      const changed = seeds.flatMap((seed) => {
        const resealed = reseal(seed)
        return resealed === null ? [] : [{ ...seed, resealed }]
      })
      if (changed.length > 0) moved += await replaceSealedSeeds(sql, changed)
      const last = seeds.at(-1)
      if (last !== undefined) after = last.userId
    } while (seeds.length === seedsPerTurn)
    log.info({ moved, lost }, 'second factors are sealed with AUTH_SECRET')
  } catch (error) {
    log.warn(
      { err: error, moved },
      'not all second factors could be sealed with AUTH_SECRET; the next start tries again',
    )
  }
}
