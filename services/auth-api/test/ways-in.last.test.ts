// Attack, or accident: the last way to sign in is removed, by two requests that each leave the other's.
import { assertNotLastWayIn, type WayIn } from '@latchkey/auth-api/features/ways-in/assert-not-last-way-in'
import { AppError } from '@latchkey/contracts/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { newPerson, signUp } from './support/accounts.js'
import { insertPasskey } from './support/enrolments.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, {
  redisUrl: null,
  googleClientId: null,
  oidcProviders: [
    {
      id: 'work',
      name: 'Work',
      issuer: 'https://id.example.com',
      clientId: 'latchkey',
      clientSecret: 'secret',
      scopes: ['openid'],
      trustEmail: false,
    },
  ],
})
const { db, deps } = testApp

async function newUser({ hasPassword }: { hasPassword: boolean }): Promise<string> {
  const { user } = await signUp(testApp, { email: newPerson().email })
  if (!hasPassword) await db`DELETE FROM credentials WHERE user_id = ${user.id}`
  return user.id
}

async function insertIdentity(userId: string, provider = 'work'): Promise<WayIn> {
  const id = newId()
  await db`
    INSERT INTO identities (id, user_id, provider, issuer, subject)
    VALUES (${id}, ${userId}, ${provider}, 'https://id.example.com', ${id})`
  return { kind: 'identity', id }
}

const passkeyOf = async (userId: string): Promise<WayIn> => ({
  kind: 'passkey',
  id: await insertPasskey(testApp, userId),
})

/** As the routes do it: looked at and removed in one transaction. */
function remove(userId: string, { kind, id }: WayIn): Promise<string> {
  return deps.sql
    .begin(async (sql) => {
      await assertNotLastWayIn(sql, userId, { kind, id }, deps)
      await (kind === 'passkey'
        ? sql`DELETE FROM passkeys WHERE id = ${id}`
        : sql`DELETE FROM identities WHERE id = ${id}`)
      return 'removed'
    })
    .catch((error: unknown) => (error instanceof AppError ? error.code : String(error)))
}

t.test('beside a password anything goes, and without one the last stays', async (t) => {
  for (const make of [passkeyOf, insertIdentity]) {
    const withPassword = await newUser({ hasPassword: true })
    t.equal(await remove(withPassword, await make(withPassword)), 'removed')
    const without = await newUser({ hasPassword: false })
    t.equal(await remove(without, await make(without)), 'last_way_in')
  }
})

t.test('each is a way in for the other, unless nobody gets in by it', async (t) => {
  const userId = await newUser({ hasPassword: false })
  const [passkey, identity] = [await passkeyOf(userId), await insertIdentity(userId)]
  await db`UPDATE passkeys SET disabled_at = now() WHERE id = ${passkey.id}`
  t.equal(await remove(userId, identity), 'last_way_in', 'a passkey that was switched off')
  await db`UPDATE passkeys SET disabled_at = NULL WHERE id = ${passkey.id}`
  await db`UPDATE identities SET provider = 'gone' WHERE id = ${identity.id}`
  t.equal(await remove(userId, passkey), 'last_way_in', 'a provider that is none of ours any more')
  await db`UPDATE identities SET provider = 'google' WHERE id = ${identity.id}`
  t.equal(await remove(userId, passkey), 'last_way_in', 'Google where it is not set up')
  await db`UPDATE identities SET provider = 'work' WHERE id = ${identity.id}`
  t.equal(await remove(userId, passkey), 'removed')
})

t.test('of two that go at once one stays', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const userId = await newUser({ hasPassword: false })
    const ways = [await passkeyOf(userId), await insertIdentity(userId)]
    const outcomes = await Promise.all(ways.map((way) => remove(userId, way)))
    t.same(outcomes.toSorted(), ['last_way_in', 'removed'])
  }
})
