// Attack: a copied refresh token is used from another browser. Accident: a phone roams, a browser updates itself.
import type { SecurityEvent } from '@latchkey/contracts/events'
import t from 'tap'
import { deviceChange } from '@latchkey/auth-api/features/sessions/device-change'
import { fingerprintOf } from '@latchkey/auth-api/features/sessions/fingerprint'
import {
  atHome,
  atHomeUpdated,
  type Client,
  letTimePass,
  listSessions,
  outboxTypes,
  refresh,
  register,
  sameAgentElsewhere,
  storedSession,
  stranger,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const reporting = await createTestApp(t)
const { db, deps } = reporting
const strict = await createTestApp(
  t,
  { ...deps.config, deviceChange: 'sign_out' },
  { database: reporting.database },
)
const strangerAtHome: Client = { userAgent: stranger.userAgent, ip: atHome.ip }

type Told = Pick<SecurityEvent, 'severity' | 'ip' | 'userAgent' | 'data'>
const toldChanges = (sessionId: string) => db<Told[]>`
  SELECT severity, host(ip) AS ip, user_agent, data FROM outbox
  WHERE session_id = ${sessionId} AND type = 'session.device_changed' ORDER BY occurred_at, id`

const shownDevice = async (accessToken: string) => {
  const [shown] = (await listSessions(reporting.app, accessToken)).body.sessions
  return {
    deviceName: shown?.['deviceName'],
    userAgent: shown?.['userAgent'],
    ipAddress: shown?.['ipAddress'],
  }
}

t.test('what differs: agent, network, both or nothing', async (t) => {
  const home = fingerprintOf(atHome)
  const changed = (client: Client) => deviceChange(home, fingerprintOf(client))?.changed
  t.equal(changed(atHomeUpdated), undefined)
  t.same(changed(sameAgentElsewhere), ['network'])
  t.same(changed(strangerAtHome), ['agent'])
  t.same(changed(stranger), ['agent', 'network'])
  t.equal(deviceChange(null, home), null, 'nobody noted what it was')
})

t.test('an update of the browser and a new lease are no change', async (t) => {
  const { refreshToken, sessionId } = await register(reporting.app)
  t.equal((await refresh(reporting.app, refreshToken, { client: atHomeUpdated })).status, 200)
  t.same(await toldChanges(sessionId), [])
})

t.test('a change is told once, with what was before and what is now, and shows in the list', async (t) => {
  for (const { client, changed, severity } of [
    { client: sameAgentElsewhere, changed: ['network'], severity: 'info' },
    { client: strangerAtHome, changed: ['agent'], severity: 'warning' },
    { client: stranger, changed: ['agent', 'network'], severity: 'warning' },
  ]) {
    const opened = await register(reporting.app)
    const moved = await refresh(reporting.app, opened.refreshToken, { client })
    t.equal(moved.status, 200)
    await refresh(reporting.app, moved.body.refreshToken, { client })
    const told = await toldChanges(opened.sessionId)
    t.same(Array.from(told), [
      {
        severity,
        ip: client.ip,
        userAgent: client.userAgent,
        data: { changed, previousIp: atHome.ip, previousUserAgent: atHome.userAgent },
      },
    ])
    t.same(await shownDevice(opened.accessToken), {
      deviceName: changed.includes('agent') ? 'Firefox on Linux' : 'Chrome on Windows',
      userAgent: client.userAgent,
      ipAddress: client.ip,
    })
  }
})

t.test('a name that the client gave stays', async (t) => {
  const { refreshToken, accessToken, sessionId } = await register(reporting.app)
  await db`UPDATE sessions SET device_name = 'Kitchen tablet' WHERE id = ${sessionId}`
  await refresh(reporting.app, refreshToken, { client: stranger })
  t.equal((await shownDevice(accessToken)).deviceName, 'Kitchen tablet')
})

t.test('requests at once from another device tell of it once', async (t) => {
  const { refreshToken, sessionId } = await register(reporting.app)
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => refresh(reporting.app, refreshToken, { client: stranger })),
  )
  t.ok(answers.every(({ status }) => status === 200))
  t.equal((await toldChanges(sessionId)).length, 1)
})

t.test('whoever is handed a token again is told of as well; a duplicate that gets none is not', async (t) => {
  const { refreshToken, sessionId } = await register(reporting.app)
  const first = await refresh(reporting.app, refreshToken, { key: 'k' })
  await letTimePass(db, sessionId, 3600)
  t.equal((await refresh(reporting.app, refreshToken, { key: 'k', client: stranger })).status, 200)
  t.equal((await toldChanges(sessionId)).length, 1)
  await useAccessToken(reporting.app, first.body.accessToken)
  const duplicate = await refresh(reporting.app, refreshToken, { key: 'k', client: atHome })
  t.equal(duplicate.body.code, 'refresh_superseded')
  t.equal((await toldChanges(sessionId)).length, 1)
})

t.test('a session on a device that nobody noted is refreshed and tells nothing', async (t) => {
  for (const { app } of [reporting, strict]) {
    const { refreshToken, sessionId } = await register(app)
    await db`UPDATE sessions SET device_fingerprint = NULL WHERE id = ${sessionId}`
    t.equal((await refresh(app, refreshToken, { client: stranger })).status, 200)
    t.same(await toldChanges(sessionId), [])
  }
})

t.test('a refresh on the same device is one statement, on another one more', async (t) => {
  const statements = async () => {
    const { values } = await deps.metrics.databaseQueryDurationSeconds.get()
    return values
      .filter(
        ({ metricName, labels }) =>
          metricName?.endsWith('_count') === true && labels.table !== 'signing_keys',
      )
      .reduce((sum, { value }) => sum + value, 0)
  }
  const { refreshToken } = await register(reporting.app)
  const before = await statements()
  const same = await refresh(reporting.app, refreshToken)
  const between = await statements()
  await refresh(reporting.app, same.body.refreshToken, { client: stranger })
  t.same({ same: between - before, other: (await statements()) - between }, { same: 1, other: 2 })
})

t.test(
  'under sign_out another agent ends the session, whichever way it asks, and is handed nothing',
  async (t) => {
    const cases: {
      name: string
      agesSeconds: number
      key?: string
      prepare: 'none' | 'rotate' | 'confirm' | 'lose'
    }[] = [
      { name: 'rotate', agesSeconds: 0, prepare: 'none' },
      { name: 'race', agesSeconds: 1, prepare: 'rotate' },
      { name: 'retry', agesSeconds: 3600, key: 'k', prepare: 'rotate' },
      { name: 'recovery', agesSeconds: 60, prepare: 'rotate' },
      { name: 'superseded', agesSeconds: 3600, key: 'k', prepare: 'confirm' },
      { name: 'ahead', agesSeconds: 60, prepare: 'lose' },
    ]
    for (const { name, agesSeconds, key, prepare } of cases) {
      const { refreshToken, sessionId, accessToken } = await register(strict.app)
      let presented = refreshToken
      if (prepare !== 'none') {
        const rotated = await refresh(strict.app, refreshToken, { key })
        if (prepare === 'confirm') await useAccessToken(strict.app, rotated.body.accessToken)
        if (prepare === 'lose') {
          presented = rotated.body.refreshToken
          await db`UPDATE sessions SET generation = 1 WHERE id = ${sessionId}`
        }
      }
      if (name === 'recovery') {
        // The one that rotated last is the one that asks; the session is known to be on another agent all the same.
        await db`UPDATE sessions SET rotated_by = ${fingerprintOf(strangerAtHome)} WHERE id = ${sessionId}`
      }
      await letTimePass(db, sessionId, agesSeconds)
      const answer = await refresh(strict.app, presented, { key, client: strangerAtHome })
      t.match(answer, { status: 401, body: { code: 'refresh_token_invalid' } }, name)
      t.notOk(answer.body.refreshToken)
      t.equal((await storedSession(db, sessionId)).revokeReason, 'device_changed')
      t.equal((await useAccessToken(strict.app, accessToken)).body.code, 'session_revoked')
      t.equal(
        (await refresh(strict.app, presented, { key })).body.code,
        'refresh_token_invalid',
        'nor the owner any more',
      )
      const [told] = await toldChanges(sessionId)
      t.match(told, { severity: 'warning', data: { changed: ['agent'] } })
      t.equal((await outboxTypes(db, sessionId)).filter((type) => type === 'session.revoked').length, 1)
    }
  },
)

t.test('under sign_out a new network is told and no more', async (t) => {
  const { refreshToken, sessionId } = await register(strict.app)
  t.equal((await refresh(strict.app, refreshToken, { client: sameAgentElsewhere })).status, 200)
  t.match(await toldChanges(sessionId), [{ severity: 'info', data: { changed: ['network'] } }])
})

t.test('under sign_out a token that was used before is theft, from wherever', async (t) => {
  const { refreshToken, sessionId } = await register(strict.app)
  await refresh(strict.app, refreshToken, { key: 'owner' })
  await letTimePass(db, sessionId, 3600)
  const answer = await refresh(strict.app, refreshToken, { key: 'thief', client: stranger })
  t.equal(answer.body.code, 'refresh_token_reused')
  t.equal((await refresh(strict.app, refreshToken, { client: stranger })).body.code, 'refresh_token_invalid')
  t.same(await toldChanges(sessionId), [])
})

t.test(
  'under sign_out, owner and another agent at once: nothing that anyone was handed lives on',
  async (t) => {
    for (let round = 0; round < 10; round += 1) {
      const { refreshToken, sessionId } = await register(strict.app)
      const clients = round % 2 === 0 ? [atHome, strangerAtHome, atHome] : [strangerAtHome, atHome, stranger]
      const answers = await Promise.all(
        clients.map((client) => refresh(strict.app, refreshToken, { client })),
      )
      answers.forEach(({ status, body }, index) => {
        if (clients[index] === atHome) return
        t.equal(status, 401)
        t.notOk(body.refreshToken)
      })
      for (const { status, body } of answers) {
        if (status !== 200) continue
        t.equal((await useAccessToken(strict.app, body.accessToken)).body.code, 'session_revoked')
        t.equal((await refresh(strict.app, body.refreshToken)).body.code, 'refresh_token_invalid')
      }
      t.equal((await toldChanges(sessionId)).length, 1)
      t.equal((await outboxTypes(db, sessionId)).filter((type) => type === 'session.revoked').length, 1)
    }
  },
)

t.test(
  'a row that never holds still is a busy store: the other agent is not let through, the owner not ended',
  async (t) => {
    const { refreshToken, sessionId } = await register(strict.app)
    // Each update of the row finds that another was first.
    await db`CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`
    await db`CREATE TRIGGER overtake BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION overtake()`
    t.teardown(() => db`DROP TRIGGER IF EXISTS overtake ON sessions`)
    const answer = await refresh(strict.app, refreshToken, { client: stranger })
    t.match(answer, { status: 503, body: { code: 'unavailable' } })
    await db`DROP TRIGGER overtake ON sessions`
    t.equal((await storedSession(db, sessionId)).revokedAt, null)
    t.equal((await refresh(strict.app, refreshToken)).status, 200)
  },
)
