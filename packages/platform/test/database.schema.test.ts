// Property: docs/schema.md says what the migrations make, on every version of PostgreSQL.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { describeSchema } from './support/describe-schema.js'

const { owner } = await createTestDatabase(t)

t.test('docs/schema.md is what a migrated database has', async (t) => {
  t.equal(
    await readFile(new URL('../../../docs/schema.md', import.meta.url), 'utf8'),
    await describeSchema(owner),
    'write it anew: node packages/platform/dist-test/support/write-schema.js',
  )
})

t.test(
  'every constraint has a name of our choice, and every foreign key an index that its deletes can use',
  async (t) => {
    const constraints = await owner<{ name: string; expected: string }[]>`
    SELECT conname AS name, relname || CASE contype WHEN 'p' THEN '_pkey' WHEN 'u' THEN '_%_key' WHEN 'f' THEN '_%_fkey' ELSE '_%_check' END AS expected
    FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND NOT relispartition
      AND conname NOT LIKE relname || CASE contype WHEN 'p' THEN '_pkey' WHEN 'u' THEN '_%_key' WHEN 'f' THEN '_%_fkey' ELSE '_%_check' END`
    t.same(Array.from(constraints), [])
    const unindexed = await owner<{ name: string }[]>`
    SELECT conname AS name FROM pg_constraint
    WHERE contype = 'f' AND NOT EXISTS (
      SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL)`
    t.same(Array.from(unindexed), [])
  },
)
