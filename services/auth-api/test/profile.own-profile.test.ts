// Attacks: giving oneself rights or a verified address, taking somebody's name, reading more than one's own.
import type { User } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { newPerson, signUp } from './support/accounts.js'
import { createTestApp } from './support/test-app.js'

const app = await createTestApp(t)

const fields = [
  'createdAt',
  'email',
  'emailVerified',
  'id',
  'lastLoginAt',
  'locale',
  'mfaEnabled',
  'name',
  'roles',
  'traits',
  'userType',
  'username',
]

t.test('me is the user of the token, and the fields of the contract alone', async (t) => {
  await signUp(app, { email: newPerson().email })
  const session = await signUp(app, {
    email: newPerson().email,
    name: 'Alice',
    traits: { deep: { er: [1, null] } },
  })
  const answer = await app.api('GET', '/me', { token: session.accessToken })
  t.equal(answer.status, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.same(answer.body, session.user)
  t.same(Object.keys(answer.body).toSorted(), fields)
  t.equal((await app.api('GET', '/me')).body['code'], 'token_missing')
})

t.test('what is named changes, null clears, what is left out stays', async (t) => {
  const { email, username } = newPerson()
  const { user, accessToken } = await signUp(app, {
    email,
    username,
    name: 'Alice',
    traits: { phone: '1', city: 'Pune' },
  })
  const expected: User = { ...user }
  const steps: [patch: Record<string, unknown>, change: Partial<User>][] = [
    [{ name: 'Alice Liddell' }, { name: 'Alice Liddell' }],
    [{ username: 'Alice.L' }, { username: 'alice.l' }],
    [{ traits: { phone: '2' } }, { traits: { phone: '2' } }],
    [{ name: null }, { name: null }],
    [
      { username: null, name: 'A' },
      { username: null, name: 'A' },
    ],
    [{ traits: {} }, { traits: {} }],
    [{ locale: 'pt-BR' }, { locale: 'pt-BR' }],
    [{ locale: null }, { locale: null }],
  ]
  for (const [patch, change] of steps) {
    Object.assign(expected, change)
    const answer = await app.api('PATCH', '/me', { token: accessToken, body: patch })
    t.equal(answer.status, 200, JSON.stringify(patch))
    t.same(answer.body, expected)
  }
  t.same((await app.api('GET', '/me', { token: accessToken })).body, expected)
})

t.test('a change that is refused changes nothing', async (t) => {
  const bob = newPerson()
  await signUp(app, { email: bob.email, username: bob.username })
  const alice = newPerson()
  const { user, accessToken } = await signUp(app, { email: alice.email, username: alice.username })
  const refusals: [patch: unknown, code: string, path: string | null][] = [
    [{ username: bob.username.toUpperCase(), name: 'B' }, 'username_taken', null],
    [{ username: 'no spaces' }, 'validation_failed', '/username'],
    [{ username: 'ab' }, 'validation_failed', '/username'],
    [{ name: '' }, 'validation_failed', '/name'],
    [{ name: 'a\u0000b' }, 'validation_failed', '/name'],
    [{ traits: null }, 'validation_failed', '/traits'],
    [{ traits: { blob: 'é'.repeat(8200) } }, 'validation_failed', '/traits'],
    [{ traits: { nul: 'a\u0000b' } }, 'validation_failed', '/traits/nul'],
    [{}, 'validation_failed', null],
    [{ email: 'eve@example.com' }, 'validation_failed', '/email'],
    [{ name: 'A', roles: ['admin'] }, 'validation_failed', '/roles'],
    [{ emailVerified: true }, 'validation_failed', '/emailVerified'],
    [{ id: user.id }, 'validation_failed', '/id'],
    [[], 'validation_failed', null],
  ]
  for (const [patch, code, path] of refusals) {
    const answer = await app.api('PATCH', '/me', { token: accessToken, body: patch as object })
    t.equal(answer.body['code'], code, JSON.stringify(patch).slice(0, 60))
    if (path !== null) t.match(answer.body['errors'], [{ path }])
  }
  t.same((await app.api('GET', '/me', { token: accessToken })).body, user)
})

t.test('of twenty users who take one name at once exactly one gets it', async (t) => {
  const tokens = await Promise.all(
    Array.from({ length: 20 }, async () => (await signUp(app, { email: newPerson().email })).accessToken),
  )
  const answers = await Promise.all(
    tokens.map((token) => app.api('PATCH', '/me', { token, body: { username: 'queen' } })),
  )
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ body }) => body['code'] === 'username_taken').length, 19)
})

t.test('a user who is gone or disabled has no session, whatever the token says', async (t) => {
  const disabled = await signUp(app, { email: newPerson().email })
  await app.db`UPDATE users SET disabled_at = now() WHERE id = ${disabled.user.id}`
  for (const method of ['GET', 'PATCH'] as const) {
    const answer = await app.api(method, '/me', {
      token: disabled.accessToken,
      ...(method === 'PATCH' && { body: { name: 'A' } }),
    })
    t.match(answer, { status: 401, body: { code: 'session_revoked' } })
  }
})
