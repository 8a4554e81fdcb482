// Attack: ending the sessions of others, and learning about tokens from how their end is answered.
import t from 'tap'
import { eventsOf, isAlive } from './support/accounts.js'
import { createForge } from './support/forged-tokens.js'
import { newClient, postForm, type FormAnswer } from './support/service-clients.js'
import { logIn, newEmail, refresh, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const shared = await createTestApp(t)
const { app, db, deps } = shared
const client = await newClient(shared)
const revoke = (token: string, authorization = client.basic): Promise<FormAnswer> =>
  postForm(shared, '/revoke', { token }, { authorization })
const done = { status: 200, text: '' }

t.test('either token of a session ends it, and no other, and the client is the one who did it', async (t) => {
  for (const kind of ['accessToken', 'refreshToken'] as const) {
    const email = newEmail()
    const session = await register(app, email)
    const other = (await logIn(app, email)).body
    const { status, text } = await revoke(session[kind])
    t.same({ status, text }, done, kind)
    t.same(await isAlive(shared, session), { access: false, refresh: false })
    t.same(await isAlive(shared, other), { access: true, refresh: true })
    const [row] = await db`SELECT revoke_reason FROM sessions WHERE id = ${session.sessionId}`
    t.equal(row?.['revokeReason'], 'client_revoked')
    const [told] =
      await db`SELECT * FROM outbox WHERE type = 'session.revoked' AND session_id = ${session.sessionId}`
    t.match(told, { userId: session.user.id, actorId: client.clientId, data: { reason: 'client_revoked' } })

    t.match(await revoke(session[kind]), done, 'again is as good')
    const events = (await eventsOf(shared)).filter(
      ({ type, sessionId }) => type === 'session.revoked' && sessionId === session.sessionId,
    )
    t.equal(events.length, 1)
  }
})

t.test('a refresh token of an earlier generation means its session, too', async (t) => {
  const session = await register(app)
  const next = (await refresh(app, session.refreshToken)).body
  t.match(await revoke(session.refreshToken), done)
  t.same(await isAlive(shared, next), { access: false, refresh: false })
})

t.test('what means nothing here is revoked as it is, and nobody is hurt', async (t) => {
  const session = await register(app)
  const forge = createForge(deps, session.accessToken)
  const expired = forge.signed(forge.header, { ...forge.payload, exp: Math.floor(Date.now() / 1000) - 60 })
  const tokens = ['x', 'a.b.c', `${session.refreshToken}A`, expired, session.sessionId, client.clientSecret]
  for (const token of tokens) t.match(await revoke(token), done, token.slice(0, 20))
  t.same(await isAlive(shared, session), { access: true, refresh: true })
})

t.test('the token of a client cannot be taken back', async (t) => {
  const { body } = await postForm(
    shared,
    '/token',
    { grant_type: 'client_credentials' },
    { authorization: client.basic },
  )
  t.match(await revoke(String(body['access_token'])), {
    status: 400,
    body: { error: 'unsupported_token_type' },
  })
})

t.test('a client of another audience ends nothing', async (t) => {
  const elsewhere = await newClient(shared, { audience: 'elsewhere' })
  const session = await register(app)
  for (const token of [session.accessToken, session.refreshToken])
    t.match(await revoke(token, elsewhere.basic), { status: 400, body: { error: 'unauthorized_client' } })
  t.match(await revoke('x', elsewhere.basic), done)
  t.same(await isAlive(shared, session), { access: true, refresh: true })
})
