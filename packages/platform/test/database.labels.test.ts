// Attack: labels that grow with what clients send fill the memory of Prometheus. A statement is named after our own text alone.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { readLabel } from '@latchkey/platform/database/statement'
import t from 'tap'
import { codeOf, connectForTest } from './support/database.js'

const { url } = await createTestDatabase(t)

t.test('a statement is named after its first change, else after the first table it reads', async (t) => {
  for (const [text, operation, table] of [
    ['SELECT id FROM users WHERE id = $', 'select', 'users'],
    ['SELECT now()', 'select', 'none'],
    [
      'SELECT extract(epoch FROM now() - s.created_at), substring(x FROM 1 FOR 2) FROM sessions s',
      'select',
      'sessions',
    ],
    ['SELECT id FROM outbox ORDER BY id FOR UPDATE SKIP LOCKED', 'select', 'outbox'],
    ['SELECT x FROM (SELECT id FROM users) AS u', 'select', 'users'],
    ['\n  insert into users (id) VALUES ($) ON CONFLICT (id) DO UPDATE SET name = $', 'insert', 'users'],
    ['WITH d AS (SELECT 1) UPDATE sessions s SET generation = $', 'update', 'sessions'],
    [
      'WITH gone AS (DELETE FROM outbox RETURNING *) INSERT INTO security_events SELECT * FROM gone',
      'delete',
      'outbox',
    ],
    ['SET TRANSACTION READ ONLY', 'other', 'none'],
    ['', 'other', 'none'],
  ] as const) {
    t.same(readLabel(text), { operation, table }, text)
  }
})

t.test('each statement is reported once, with its time or its error, and commits as well', async (t) => {
  const seen: [string, number, unknown][] = []
  const sql = connectForTest(t, url, {
    onQuery: ({ operation, table }, seconds, error) => seen.push([`${operation} ${table}`, seconds, error]),
  })
  for (const email of ['a@example.com', 'b@example.com'])
    await sql`SELECT 1 FROM users WHERE email = ${email}`
  await sql.begin((transaction) => transaction.unsafe('UPDATE users SET name = name'))
  await codeOf(sql`SELECT 1 FROM sessions WHERE 1 / 0 = 1`)
  await sql.end()
  await codeOf(sql`DELETE FROM sessions`)
  t.same(
    seen.map(([label, , error]) => `${label}${error === null ? '' : ' failed'}`),
    [
      'select users',
      'select users',
      'update users',
      'commit none',
      'select sessions failed',
      'delete sessions failed',
    ],
  )
  t.ok(seen.every(([, seconds]) => seconds >= 0 && seconds < 5))
})
