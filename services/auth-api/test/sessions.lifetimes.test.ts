// Attack: an admin's forgotten session, or one that was open before its user became one, used days later.
import t from 'tap'
import {
  letTimePass,
  listSessions,
  logIn,
  newEmail,
  refresh,
  register,
  storedSession,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

// With the password alone: what an admin signs in with changes nothing about how long it lasts.
const requireMfa = { admins: false, everyone: false, userTypes: [] }
const { app, db, deps, database } = await createTestApp(t, { requireMfa })

const minute = 60
const hour = 3600
const day = 24 * hour

const setRoles = (userId: string, roles: string[]) =>
  db`UPDATE users SET roles = ${roles}::text[] WHERE id = ${userId}`

const registerAs = async (role: string) => {
  const email = newEmail()
  const { user } = await register(app, email)
  await setRoles(user.id, ['user', role])
  return { email, user }
}

const isAbout = (seconds: number, expected: number): boolean => seconds <= expected && seconds > expected - 10

for (const role of ['admin', 'auditor']) {
  t.test(
    `the session of an ${role} ends after half an hour without use, and half a day in all`,
    async (t) => {
      const { email } = await registerAs(role)
      const idle = (await logIn(app, email)).body
      t.ok(isAbout(idle.refreshExpiresIn, 30 * minute))
      await letTimePass(db, idle.sessionId, 30 * minute + 1)
      t.equal((await refresh(app, idle.refreshToken)).body.code, 'refresh_token_invalid')

      const kept = (await logIn(app, email)).body
      let { refreshToken } = kept
      for (let passed = 0; passed < 12 * hour; passed += 25 * minute) {
        const answer = await refresh(app, refreshToken)
        t.equal(answer.status, 200)
        t.ok(isAbout(answer.body.refreshExpiresIn, Math.min(30 * minute, 12 * hour - passed)))
        refreshToken = answer.body.refreshToken
        await letTimePass(db, kept.sessionId, 25 * minute)
      }
      t.equal((await refresh(app, refreshToken)).body.code, 'refresh_token_invalid')
    },
  )
}

t.test('other roles live as users do', async (t) => {
  const { email } = await registerAs('support')
  const { refreshExpiresIn } = (await logIn(app, email)).body
  t.ok(isAbout(refreshExpiresIn, 7 * day))
})

t.test('a role that is granted later shortens the sessions that are open', async (t) => {
  const email = newEmail()
  const { user } = await register(app, email)
  const young = (await logIn(app, email)).body
  const old = (await logIn(app, email)).body
  await letTimePass(db, young.sessionId, 11 * hour + 50 * minute)
  await letTimePass(db, old.sessionId, 2 * day)
  await setRoles(user.id, ['user', 'admin'])

  t.equal((await refresh(app, old.refreshToken)).body.code, 'refresh_token_invalid')
  t.equal((await storedSession(db, old.sessionId)).generation, 1n, 'nothing was rotated')
  const { sessions } = (await listSessions(app, young.accessToken)).body
  t.notOk(
    sessions.some(({ id }) => id === old.sessionId),
    'nor is it listed',
  )
  const shown = sessions.find(({ id }) => id === young.sessionId)
  t.ok(isAbout((Date.parse(String(shown?.['expiresAt'])) - Date.now()) / 1000, 10 * minute))

  const first = await refresh(app, young.refreshToken)
  t.ok(
    isAbout(first.body.refreshExpiresIn, 10 * minute),
    'half a day after authentication, not after the grant',
  )
  t.ok(first.body.expiresIn <= 10 * minute, 'nor does the access token outlive it')
  await letTimePass(db, young.sessionId, 10 * minute)
  t.equal((await refresh(app, first.body.refreshToken)).body.code, 'refresh_token_invalid')
})

t.test('a role that is taken away lengthens nothing that was short', async (t) => {
  const { email, user } = await registerAs('admin')
  const { refreshToken, sessionId } = (await logIn(app, email)).body
  await setRoles(user.id, ['user'])
  const answer = await refresh(app, refreshToken)
  t.ok(isAbout(answer.body.refreshExpiresIn, 12 * hour))
  await letTimePass(db, sessionId, 12 * hour)
  t.equal((await refresh(app, answer.body.refreshToken)).status, 401)
})

t.test('a lost commit is not a way around it', async (t) => {
  const { email } = await registerAs('admin')
  const { refreshToken, sessionId } = (await logIn(app, email)).body
  const ahead = (await refresh(app, refreshToken)).body.refreshToken
  await db`UPDATE sessions SET generation = 1 WHERE id = ${sessionId}`
  const recovered = await refresh(app, ahead)
  t.ok(isAbout(recovered.body.refreshExpiresIn, 30 * minute))
  await db`UPDATE sessions SET generation = 1 WHERE id = ${sessionId}`
  await db`UPDATE sessions SET authenticated_at = authenticated_at - interval '12 hours' WHERE id = ${sessionId}`
  t.equal((await refresh(app, recovered.body.refreshToken)).body.code, 'refresh_token_invalid')
})

t.test('admins never live longer than users, whatever is set', async (t) => {
  const settings = { ...deps.config, refreshTtlSeconds: 10 * minute, sessionMaxAgeSeconds: hour }
  const short = await createTestApp(t, settings, { database })
  const { email } = await registerAs('admin')
  const opened = (await logIn(short.app, email)).body
  t.ok(isAbout(opened.refreshExpiresIn, 10 * minute))
  const { absoluteExpiresAt } = await storedSession(db, opened.sessionId)
  t.ok(isAbout((absoluteExpiresAt.getTime() - Date.now()) / 1000, hour))
  t.ok(isAbout((await refresh(short.app, opened.refreshToken)).body.refreshExpiresIn, 10 * minute))
})
