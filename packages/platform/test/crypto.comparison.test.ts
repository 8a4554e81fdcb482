// Attack: a comparison that ends at the first difference tells a secret byte by byte.
import { isSameSecret } from '@latchkey/platform/crypto/constant-time'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'

t.test('only the same secret is the same', async (t) => {
  t.ok(isSameSecret('correct horse', 'correct horse'))
  for (const given of ['', 'correct', 'correct horse ', 'Correct horse', 'correct horsE', 'é']) {
    t.notOk(isSameSecret(given, 'correct horse'), given)
  }
  t.notOk(isSameSecret('', 'x'))
})

t.test('ids are UUIDv7, unlike each other and in the order of their making', async (t) => {
  const ids = Array.from({ length: 10_000 }, newId)
  t.ok(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)))
  t.equal(new Set(ids).size, ids.length)
  t.same(ids.toSorted(), ids)
})
