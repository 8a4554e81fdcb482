// Accident: many tabs. Attack: a refresh timed against a revocation, to be left with a live successor.
import t from 'tap'
import {
  changePassword,
  endSession,
  logIn,
  logOut,
  logOutByRefreshToken,
  logOutEverywhere,
  newEmail,
  password,
  refresh,
  register,
  storedSession,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t)

for (const count of [2, 20, 200]) {
  t.test(`${count} refreshes of one token at once: all succeed, one successor`, async (t) => {
    const { refreshToken, sessionId } = await register(app)
    const answers = await Promise.all(Array.from({ length: count }, () => refresh(app, refreshToken)))
    t.same([...new Set(answers.map(({ status }) => status))], [200])
    t.equal(new Set(answers.map(({ body }) => body.refreshToken)).size, 1)
    t.equal((await storedSession(db, sessionId)).generation, 2n)
  })
}

t.test('after a revocation is answered nothing of the session works, in any order of arrival', async (t) => {
  const email = newEmail()
  let secret = password
  await register(app, email)
  const ways = {
    'logout by access token': (s: Opened) => logOut(app, s.accessToken),
    'logout by refresh token': (s: Opened) => logOutByRefreshToken(app, s.refreshToken),
    'logout everywhere': (_: Opened, other: Opened) => logOutEverywhere(app, other.accessToken),
    'ended from another device': (s: Opened, other: Opened) =>
      endSession(app, other.accessToken, s.sessionId),
    'password change': async (_: Opened, other: Opened) => {
      const next = `${password} ${other.sessionId.slice(-12)}`
      const answer = await changePassword(app, other.accessToken, secret, next)
      secret = next
      return answer
    },
  }
  for (const [name, revoke] of Object.entries(ways)) {
    for (let round = 0; round < 8; round += 1) {
      const other = (await logIn(app, email, undefined, secret)).body
      const opened = (await logIn(app, email, undefined, secret)).body
      const racing = [refresh(app, opened.refreshToken), refresh(app, opened.refreshToken)]
      const [ended, ...refreshed] = await Promise.all([revoke(opened, other), ...racing])
      t.ok(ended.status < 300, `${name}: ${ended.status}`)
      t.not((await storedSession(db, opened.sessionId)).revokedAt, null, name)
      const tokens = [opened, ...refreshed.flatMap(({ status, body }) => (status === 200 ? [body] : []))]
      for (const { accessToken, refreshToken } of tokens) {
        t.equal((await useAccessToken(app, accessToken)).status, 401, `${name}: access token`)
        t.equal((await refresh(app, refreshToken)).status, 401, `${name}: refresh token`)
      }
    }
  }
})

interface Opened {
  accessToken: string
  refreshToken: string
  sessionId: string
}

t.test('a disabled user cannot refresh, even while being disabled', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const { refreshToken, user } = await register(app)
    const [, raced] = await Promise.all([
      db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`,
      refresh(app, refreshToken),
    ])
    const held = raced.status === 200 ? raced.body.refreshToken : refreshToken
    t.equal((await refresh(app, held)).body.code, 'refresh_token_invalid')
  }
})
