import { readFile } from 'node:fs/promises'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Stand } from './stand.js'

/** A simple statement, or one execution of a prepared one, as log_statement writes it. Transactions' own commands do not count. */
const executed = /LOG: {2}(?:statement|execute [^:]*): (?!\s*(?:BEGIN|COMMIT|ROLLBACK)\b)/i

/**
 * Statements per request, counted in PostgreSQL's own log while `request` runs `times` times, one after the other. What the
 * service does by itself meanwhile counts too, so it is a little more than the truth.
 */
export async function countStatements(
  { sql, postgresLog }: Stand,
  times: number,
  request: (turn: number) => Promise<void>,
): Promise<number> {
  await request(0) // connections and prepared statements are made at the first
  const marker = `latchkey bench ${process.hrtime.bigint()}`
  await sql`ALTER SYSTEM SET log_statement = 'all'`
  await sql`SELECT pg_reload_conf()`
  await waitFor(
    async () => {
      await sql.unsafe(`SELECT '${marker} begins'`)
      return (await readFile(postgresLog, 'utf8')).includes(`${marker} begins`)
    },
    { what: 'PostgreSQL to log statements' },
  )
  for (let turn = 1; turn <= times; turn += 1) await request(turn)
  await sql.unsafe(`SELECT '${marker} ends'`)
  const log = await waitFor(
    async () => {
      const text = await readFile(postgresLog, 'utf8')
      return text.includes(`${marker} ends`) && text
    },
    { what: "the end of the statements in PostgreSQL's log" },
  )
  await sql`ALTER SYSTEM RESET log_statement`
  await sql`SELECT pg_reload_conf()`
  const lines = log.slice(log.lastIndexOf(`${marker} begins`), log.indexOf(`${marker} ends`)).split('\n')
  return (lines.filter((line) => executed.test(line)).length - 1) / times // one of them is the end marker itself
}
