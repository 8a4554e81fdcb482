// Attack: a crowd that asks a provider which is away, or is taken down with it.
import { createMetadataCache } from '@latchkey/auth-api/features/federation/providers/metadata-cache'
import { Configuration } from 'openid-client'
import t from 'tap'

const found = (issuer: string): Configuration => new Configuration({ issuer }, 'client')
const away = new Error('away')

t.test('asked for once, by one for all, and again after an hour', async (t) => {
  let now = 0
  let asked = 0
  const find = createMetadataCache(
    async () => found(`https://id.example/${(asked += 1)}`),
    () => now,
  )
  const [one, other] = await Promise.all([find(), find()])
  t.equal(one, other)
  now = 3_599_999
  t.equal(await find(), one)
  t.equal(asked, 1)
  now = 3_600_000
  t.not(await find(), one)
  t.equal(asked, 2)
})

t.test('a failure is not repeated for ten seconds, and what was known is used on', async (t) => {
  let now = 0
  let asked = 0
  let isAway = true
  const find = createMetadataCache(
    async () => {
      asked += 1
      if (isAway) throw away
      return found('https://id.example')
    },
    () => now,
  )
  await t.rejects(find(), away)
  now = 9999
  await t.rejects(find(), away)
  t.equal(asked, 1)
  now = 10_000
  isAway = false
  const known = await find()
  t.equal(asked, 2)
  now = 4_000_000
  isAway = true
  t.equal(await find(), known)
  t.equal(await find(), known)
  t.equal(asked, 3)
})
