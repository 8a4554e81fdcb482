import type { Database } from '../database/client.js'
import type { FiledTrait } from './file-traits.js'
import { deleteFiled, insertFiled, lockUsersAfter } from './queries.js'
import type { Traits } from './traits.js'

/** Rows that are locked at once, for some hundredths of a second: a sign-in of one of these users waits so long. */
const pageSize = 500

export interface IndexedTraits {
  users: number
  /** Values that an older account has, by the users whose claim to them is not filed. */
  clashes: { userId: string; name: string }[]
}

/**
 * Files the traits of all users anew, as TRAITS_SCHEMA wants them filed now, page by page: what is interrupted can be run again. Of several
 * users with one unique value the oldest account keeps it.
 */
export async function indexTraits(
  sql: Database,
  traits: Pick<Traits, 'toFile'>,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (users: number) => void },
): Promise<IndexedTraits> {
  const indexed: IndexedTraits = { users: 0, clashes: [] }
  let last: string | null = null
  do {
    const page: IndexedPage = await indexPage(sql, traits, last)
    last = page.last
    indexed.users += page.users
    indexed.clashes.push(...page.clashes)
    onProgress(indexed.users)
  } while (last !== null && !signal.aborted)
  return indexed
}

interface IndexedPage extends IndexedTraits {
  /** Null when no user comes after. */
  last: string | null
}

function indexPage(
  sql: Database,
  { toFile }: Pick<Traits, 'toFile'>,
  after: string | null,
): Promise<IndexedPage> {
  return sql.begin(async (inner) => {
    const users = await lockUsersAfter(inner, after, pageSize)
    const wanted: (FiledTrait & { userId: string })[] = users.flatMap(({ id, traits }) =>
      toFile(traits).map((trait) => ({ userId: id, ...trait })),
    )
    await deleteFiled(
      inner,
      users.map(({ id }) => id),
    )
    const filed = new Set((await insertFiled(inner, wanted)).map(({ userId, name }) => `${userId} ${name}`))
    return {
      last: users.length < pageSize ? null : (users.at(-1)?.id ?? null),
      users: users.length,
      clashes: wanted
        .filter(({ userId, name }) => !filed.has(`${userId} ${name}`))
        .map(({ userId, name }) => ({ userId, name })),
    }
  })
}
