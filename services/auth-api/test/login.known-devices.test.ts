// Attack: a stolen password is used from the thief's own browser, and the owner must learn of it.
import t from 'tap'
import {
  atHome,
  atHomeUpdated,
  type Client,
  logIn,
  newEmail,
  register,
  sameAgentElsewhere,
  stranger,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t, { hashConcurrency: 4 })

const toldOf = async (sessionId: string) => {
  const [row] = await db<{ data: Record<string, unknown> }[]>`
    SELECT data FROM outbox WHERE session_id = ${sessionId} AND type = 'login.succeeded'`
  return row?.data
}

const signIn = async (email: string, client: Client) => {
  const { status, body } = await logIn(app, email, client)
  if (status !== 200) throw new Error(`login answered ${status}`)
  return body
}

const browser = (name: string): Client => ({ userAgent: `${name}/1.0`, ip: atHome.ip })

t.test('a sign-in from another browser says that the device is new, once', async (t) => {
  const email = newEmail()
  const registered = await register(app, email)
  t.same(
    await toldOf(registered.sessionId),
    { amr: ['pwd'], deviceName: 'Chrome on Windows' },
    'no first device is new',
  )
  for (const client of [atHome, atHomeUpdated, sameAgentElsewhere])
    t.notOk((await toldOf((await signIn(email, client)).sessionId))?.['newDevice'], client.ip)
  t.same(await toldOf((await signIn(email, stranger)).sessionId), {
    amr: ['pwd'],
    deviceName: 'Firefox on Linux',
    newDevice: true,
  })
  t.notOk(
    (await toldOf((await signIn(email, stranger)).sessionId))?.['newDevice'],
    'the next time it is known',
  )
})

t.test('of sign-ins at once from a new device one says so', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const email = newEmail()
    await register(app, email)
    const sessions = await Promise.all(Array.from({ length: 6 }, () => signIn(email, stranger)))
    const told = await Promise.all(sessions.map(({ sessionId }) => toldOf(sessionId)))
    t.equal(told.filter((data) => data?.['newDevice'] === true).length, 1)
  }
})

t.test('a refused sign-in makes no device known', async (t) => {
  const email = newEmail()
  await register(app, email)
  t.equal((await logIn(app, email, stranger, 'not the phrase of anyone')).status, 401)
  t.equal((await toldOf((await signIn(email, stranger)).sessionId))?.['newDevice'], true)
})

t.test('fifty devices are remembered, and the least recently seen is forgotten', async (t) => {
  const email = newEmail()
  const { user } = await register(app, email)
  // As if fifty browsers had signed in over the last days.
  await db`
    INSERT INTO known_devices (user_id, agent_hash, first_seen_at, last_seen_at)
    SELECT ${user.id}, decode(lpad(to_hex(n), 16, '0'), 'hex'), now() - n * interval '1 day', now() - n * interval '1 day'
    FROM generate_series(1, 49) n`
  await signIn(email, browser('Fiftyfirst'))
  const known = await db<{ hash: string }[]>`
    SELECT encode(agent_hash, 'hex') AS hash FROM known_devices WHERE user_id = ${user.id}`
  t.equal(known.length, 50)
  t.notOk(
    known.some(({ hash }) => hash === (49).toString(16).padStart(16, '0')),
    'the oldest is gone',
  )
  t.ok(known.some(({ hash }) => hash === (48).toString(16).padStart(16, '0')))
  t.notOk((await toldOf((await signIn(email, atHome)).sessionId))?.['newDevice'], 'the one in use stays')
})

t.test('devices go with their user', async (t) => {
  const { user } = await register(app)
  await db`DELETE FROM users WHERE id = ${user.id}`
  t.same(Array.from(await db`SELECT 1 FROM known_devices WHERE user_id = ${user.id}`), [])
})
