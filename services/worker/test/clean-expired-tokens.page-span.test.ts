/** How many pages a cleanup statement looks at: few where much has ended, many where nothing has, never for long. */
import t from 'tap'
import { firstSpan, nextSpan } from '@latchkey/worker/jobs/clean-expired-tokens/page-span'

t.test('grows fourfold at most while nothing has ended, up to a bound', async (t) => {
  let span = firstSpan
  for (const expected of [256, 1024, 4096, 8192, 8192]) {
    span = nextSpan({ pages: span, deleted: 0, milliseconds: 1 }, 1000)
    t.equal(span, expected)
  }
})

t.test('aims at a batch that is nearly full', async (t) => {
  t.equal(nextSpan({ pages: 100, deleted: 2000, milliseconds: 10 }, 1000), 45)
  t.equal(nextSpan({ pages: 100, deleted: 900, milliseconds: 10 }, 1000), 100)
})

t.test('shrinks when a statement takes long', async (t) => {
  t.equal(nextSpan({ pages: 1000, deleted: 0, milliseconds: 400 }, 1000), 100)
})

t.test('is never less than a page', async (t) => {
  t.equal(nextSpan({ pages: 1, deleted: 1000, milliseconds: 5000 }, 1), 1)
})
