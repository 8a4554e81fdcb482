// Property: what goes into a statement comes out of PostgreSQL unchanged, and a transaction is all or nothing.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { fixedStatement } from '@latchkey/platform/database/fixed-statement'
import t from 'tap'
import { codeOf, connectForTest, timeRejection } from './support/database.js'

const { url, owner } = await createTestDatabase(t)
await owner`CREATE TABLE notes (note text)`

t.test('columns are camelCase, keys inside JSON stay as they are', async (t) => {
  const sql = connectForTest(t, url)
  const [row] = await sql`SELECT 1 AS one_two_three, '{"snake_key": {"inner_key": 1}}'::jsonb AS some_json`
  t.same(row, { oneTwoThree: 1, someJson: { snake_key: { inner_key: 1 } } })
})

t.test('values keep their type and precision', async (t) => {
  const sql = connectForTest(t, url)
  const bytes = Buffer.from([0, 255, 92, 34])
  const moment = new Date('2026-11-20T12:34:56.789Z')
  const [row] = await sql`
    SELECT ${9007199254740993n}::int8 AS big, ${bytes}::bytea AS bytes, ${moment}::timestamptz AS moment, NULL AS nothing,
      ${true}::boolean AS yes, ${'ä\u{1F511}'}::text AS text, 0.5::float8 AS half`
  t.same(row, {
    big: 9007199254740993n,
    bytes,
    moment,
    nothing: null,
    yes: true,
    text: 'ä\u{1F511}',
    half: 0.5,
  })
})

t.test('arrays come back as they went', async (t) => {
  const sql = connectForTest(t, url)
  const texts = [
    '',
    'plain',
    'NULL',
    'a,b',
    '{}',
    '"quoted"',
    'back\\slash',
    ' space ',
    'new\nline',
    'ä\u{1F511}',
  ]
  const id = '01a1f941-f099-7e64-996a-55baab8d825a'
  const bytes = [Buffer.from('{"'), Buffer.alloc(0)]
  const moments = [new Date('2026-11-20T12:34:56.789Z')]
  const [row] = await sql`
    SELECT ${texts}::text[] AS texts, ${[id]}::uuid[] AS ids, ${sql.array(texts)} AS again,
      ${sql.array(bytes, 1001)} AS bytes, ${sql.array([1n, 9007199254740993n], 1016)} AS bigs,
      ${sql.array(moments, 1185)} AS moments, ARRAY[true, false, NULL] AS truths, ARRAY[1, NULL]::int[] AS numbers,
      ${sql.array(['10.0.0.1', '::1'], 1041)} AS addresses, ${[]}::text[] AS empty`
  t.same(row, {
    texts,
    ids: [id],
    again: texts,
    bytes,
    bigs: [1n, 9007199254740993n],
    moments,
    truths: [true, false, null],
    numbers: [1, null],
    addresses: ['10.0.0.1', '::1'],
    empty: [],
  })
})

t.test('a fragment becomes part of the statement and sends nothing by itself', async (t) => {
  const labels: string[] = []
  const sql = connectForTest(t, url, {
    onQuery: ({ operation, table }) => labels.push(`${operation} ${table}`),
  })
  const condition = (email: string) => sql`email = ${email}`
  const rows =
    await sql`SELECT id FROM users WHERE ${condition("o'hara@example.com")} AND ${sql('created_at')} < now()`
  t.same(Array.from(rows), [])
  t.same(labels, ['select users'])
})

t.test('an undefined parameter is refused and harms no connection', async (t) => {
  const sql = connectForTest(t, url, { max: 1 })
  const missing: string | undefined = undefined
  // @ts-expect-error: the types refuse it as well
  t.equal(await codeOf(sql`SELECT ${missing}`), 'UNDEFINED_VALUE')
  t.same(Array.from(await sql`SELECT 1 AS one`), [{ one: 1 }])
})

t.test('a transaction commits when its work fulfils and rolls back when it rejects', async (t) => {
  const sql = connectForTest(t, url)
  const insert = (on: typeof sql | Parameters<Parameters<typeof sql.begin>[0]>[0], note: string) =>
    on`INSERT INTO notes VALUES (${note})`
  const answer = await sql.begin(async (transaction) => {
    await insert(transaction, 'kept')
    return 'the answer'
  })
  t.equal(answer, 'the answer')
  await t.rejects(
    sql.begin(async (transaction) => {
      await insert(transaction, 'gone')
      throw new Error('the reason')
    }),
    { message: 'the reason' },
  )
  t.same(Array.from(await sql`SELECT note FROM notes`), [{ note: 'kept' }])
})

t.test('a transaction inside another joins it', async (t) => {
  const sql = connectForTest(t, url)
  const transactionId = async (on: Pick<typeof sql, 'unsafe'>) =>
    (await on.unsafe<{ id: string }[]>('SELECT pg_current_xact_id()::text AS id'))[0]?.id
  await sql.begin(async (outer) => {
    const id = await transactionId(outer)
    t.equal(await outer.begin((inner) => transactionId(inner)), id)
  })
})

t.test('a failure that the work swallows cannot pass for a commit', async (t) => {
  const sql = connectForTest(t, url)
  const work = sql.begin(async (transaction) => {
    await transaction`SELECT 1 / 0`.catch(() => 'never mind')
  })
  await t.rejects(work, { message: /rolled the transaction back/ })
})

t.test(
  'a statement after the end of its transaction is refused: the connection may be somebody else’s',
  async (t) => {
    const sql = connectForTest(t, url)
    const late = await sql.begin((transaction) => Promise.resolve({ run: () => transaction`SELECT 1` }))
    await t.rejects(Promise.resolve(late.run()), { message: /after the end/ })
  },
)

t.test('a session keeps its connection, and what it leaves behind ends with it', async (t) => {
  const sql = connectForTest(t, url, { pool: 'session', max: 2 })
  await sql.session(async (session) => {
    await session`SELECT pg_advisory_lock(4711)`
    await session.begin(async (transaction) => {
      const [taken] = await sql`SELECT pg_try_advisory_lock(4711) AS by_another`
      const [own] = await transaction`SELECT pg_try_advisory_lock(4711) AS by_itself`
      t.same({ ...taken, ...own }, { byAnother: false, byItself: true })
    })
  })
  await sql.begin(async (transaction) => {
    t.same(Array.from(await transaction`SELECT pg_advisory_xact_lock(4711)`), [{ pgAdvisoryXactLock: '' }])
  })
})

t.test('an error says where its statement stands and holds no parameter that would be logged', async (t) => {
  const sql = connectForTest(t, url)
  const { error } = await timeRejection(sql`SELECT ${'a secret value'}::text::int`)
  await new Promise(setImmediate)
  t.ok(error instanceof Error)
  if (!(error instanceof Error)) return
  t.match(error.stack, /database\.statements\.test\.js/)
  t.notMatch(Object.values(error).join(), /a secret value/)
})

t.test('a fixed statement is put together once and takes what each call brings', async (t) => {
  const sql = connectForTest(t, url)
  let written = 0
  const sum = fixedStatement<{ name: string; of: { left: number; right: bigint } }, object>(
    (write, given) => {
      written += 1
      const right = write`${given.of.right}::int8 + ${0}::int8`
      return write`
        SELECT ${given.name}::text AS its_name, -- the driver makes it camelCase
          -- of both
          ${given.of.left}::int + ${right} AS sum`
    },
  )
  t.same(await sql.run(sum, { name: "o'clock", of: { left: 1, right: 2n } }), [
    { itsName: "o'clock", sum: 3n },
  ])
  t.same(await sql.run(sum, { name: '$1', of: { left: -1, right: 9007199254740993n } }), [
    { itsName: '$1', sum: 9007199254740992n },
  ])
  t.equal(written, 1)
  await t.rejects(
    sql.begin(async (transaction) => {
      await transaction.run(sum, { name: 'x', of: { left: 1, right: 2n } })
      await transaction.run(sum, { name: 'x', of: { left: 1, right: 2n ** 64n } })
    }),
    { code: '22003' },
  )
})

t.test('a fixed statement that would depend on its first call is refused', async (t) => {
  const looking = () => fixedStatement<{ name: string }, object>((sql, { name }) => sql`SELECT ${`${name}!`}`)
  t.throws(looking, /name is looked at in a fixed statement/)
})
