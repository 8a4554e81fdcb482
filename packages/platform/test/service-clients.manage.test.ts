// Attack: a client that looks like another, or may more than it was given; a secret that outlives its change.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { hashClientSecret } from '@latchkey/platform/service-clients/client-secret'
import {
  createServiceClient,
  endServiceClient,
  rotateClientSecret,
} from '@latchkey/platform/service-clients/manage-service-clients'
import { listServiceClients } from '@latchkey/platform/service-clients/queries'
import type { NewServiceClient } from '@latchkey/platform/service-clients/service-client'
import t from 'tap'
import { connectForTest } from './support/database.js'

const { url } = await createTestDatabase(t)
const sql = connectForTest(t, url, { role: 'latchkey_worker' })
const nobody = '0197a1f9-0000-7000-8000-000000000000'
const client = (fields: Partial<NewServiceClient>): NewServiceClient => ({
  name: 'a client',
  audience: null,
  scopes: ['token'],
  ...fields,
})

t.test(
  'fields that would not travel in a header, a claim or a line are refused, and leave nothing',
  async (t) => {
    const refused: [Partial<NewServiceClient>, RegExp][] = [
      [{ name: '' }, /name must be/],
      [{ name: ' padded' }, /name must be/],
      [{ name: 'a\nb' }, /name must be/],
      [{ name: 'pаypal with a Cyrillic letter' }, /name must be/],
      [{ name: 'x'.repeat(101) }, /name must be/],
      [{ audience: '' }, /audience must be/],
      [{ audience: 'two words' }, /audience must be/],
      [{ audience: 'x'.repeat(256) }, /audience must be/],
      [{ scopes: [] }, /scopes must be/],
      [{ scopes: ['token', 'token'] }, /different/],
      [{ scopes: Array.from({ length: 33 }, (_, index) => `scope:${index}`) }, /scopes must be/],
      [{ scopes: ['token', ''] }, /scope must be/],
      [{ scopes: ['a b'] }, /scope must be/],
      [{ scopes: ['a"b'] }, /scope must be/],
      [{ scopes: [String.raw`a\b`] }, /scope must be/],
    ]
    for (const [fields, message] of refused) {
      await t.rejects(
        createServiceClient(sql, client(fields)),
        { code: 'validation_failed', message },
        JSON.stringify(fields),
      )
    }
    t.same([...(await listServiceClients(sql))], [])
  },
)

t.test('of two at once with one name, one is made', async (t) => {
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map(() => createServiceClient(sql, client({ name: 'twin' }))),
  )
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  t.match(
    outcomes.find(({ status }) => status === 'rejected'),
    { reason: { code: 'validation_failed', message: 'the name twin is taken' } },
  )
})

t.test('secrets are 256 random bits, and only what has their shape is hashed', async (t) => {
  const made = await createServiceClient(sql, client({ name: 'one' }))
  const other = await createServiceClient(sql, client({ name: 'other' }))
  t.not(made.clientSecret, other.clientSecret)
  t.equal(Buffer.from(made.clientSecret.slice('lks_'.length), 'base64url').length, 32)
  t.ok(hashClientSecret(made.clientSecret))
  for (const secret of ['', 'lks_', `${made.clientSecret}A`, made.clientSecret.slice(0, -1), 'password'])
    t.equal(hashClientSecret(secret), null, secret)
})

t.test('only a client that is there and enabled is changed', async (t) => {
  const { clientId } = await createServiceClient(sql, client({ name: 'ended' }))
  t.equal(await endServiceClient(sql, clientId), 'ended')
  for (const id of [clientId, nobody]) {
    await t.rejects(endServiceClient(sql, id), { code: 'not_found' })
    await t.rejects(rotateClientSecret(sql, { id, keepSeconds: 60 }), { code: 'not_found' })
  }
})
