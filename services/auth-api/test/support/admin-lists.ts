import type { AdminEvents, AdminSessions, AdminUsers } from '@latchkey/contracts/http/admin'
import type { Operator } from './admins.js'

interface Lists {
  '/users': AdminUsers
  '/sessions': AdminSessions
  '/events': AdminEvents
}

type Query = Record<string, string>

/** The lists of the admin API as this one reads them. */
export function listsOf({ call }: Operator) {
  async function read<Path extends keyof Lists>(path: Path, query: Query): Promise<Lists[Path]> {
    const { status, body } = await call('GET', `${path}?${new URLSearchParams(query).toString()}`)
    if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
    return body as unknown as Lists[Path]
  }

  /** The ids of all pages. */
  async function idsOf(path: keyof Lists, query: Query = {}): Promise<string[]> {
    const ids: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Lists[keyof Lists] = await read(path, { ...query, ...(cursor !== '' && { cursor }) })
      const rows = 'users' in page ? page.users : 'sessions' in page ? page.sessions : page.events
      ids.push(...rows.map(({ id }) => id))
      cursor = page.nextCursor
    }
    return ids
  }

  return { read, idsOf }
}
