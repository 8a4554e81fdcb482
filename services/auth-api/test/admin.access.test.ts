// Attack: getting at the admin API without the role, with a role that was taken away, without a second factor, or with a token that
// was left lying about. And a route that somebody forgot to guard.
import { newId } from '@latchkey/platform/crypto/identifiers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { buildApp } from '@latchkey/auth-api/app'
import t from 'tap'
import { eventsOf, isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import { newOperator } from './support/admins.js'
import { enrol } from './support/authenticator.js'
import { letTimePass } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t)
const { app, api, db, deps } = testApp
const admin = await newOperator(testApp)

const adminRoutes = app.routeInventory.filter(
  ({ method, url }) => url.startsWith('/api/v1/admin/') && method !== 'HEAD',
)

/** A call that its schema lets pass, of nobody and nothing that is there. */
const bodies: Readonly<Record<string, object>> = {
  'POST /users': { email: 'somebody@example.com', roles: ['admin'] },
  'PATCH /users/:id': { roles: ['admin'] },
  'POST /clients': { name: 'somebody' },
  'POST /webhooks': { url: 'https://93.184.215.14/' },
  'PATCH /webhooks/:id': { enabled: false },
}

async function callAs(token: string, { method, url }: (typeof adminRoutes)[number]): Promise<unknown> {
  const path = url.replace('/api/v1/admin', '')
  const body = bodies[`${method} ${path}`]
  const answer = await api(method, url.replaceAll(/:\w+/g, newId), {
    token,
    ...(body !== undefined && { body }),
  })
  return answer.body['code'] ?? answer.status
}

t.test('every route says whom it is for, and who changes something has just authenticated', async (t) => {
  t.ok(adminRoutes.length >= 14)
  for (const { method, url, auth, roles, freshAuth } of app.routeInventory.filter((route) =>
    /\/admin\//.test(route.url),
  )) {
    const isReading = method === 'GET' || method === 'HEAD'
    t.same(
      { auth, roles, freshAuth },
      { auth: 'session', roles: isReading ? ['admin', 'auditor'] : ['admin'], freshAuth: !isReading },
      `${method} ${url}`,
    )
  }
  const careless = await buildApp(deps)
  t.teardown(() => careless.close())
  const config = { auth: 'none', limit: 'none', roles: ['admin'] } as const
  t.throws(() => careless.get('/careless', { config }, () => 'open'), /asks nobody for a role/)
})

t.test('each role at each route', async (t) => {
  const user = await signUp(testApp, { email: newPerson().email })
  const auditor = await newOperator(testApp, ['user', 'auditor'])
  const teacher = await newOperator(testApp, ['user', 'admins', 'administrator', 'teacher'])
  for (const route of adminRoutes) {
    const name = `${route.method} ${route.url}`
    const isReading = route.method === 'GET'
    const nobody = await api(route.method, route.url.replaceAll(/:\w+/g, newId))
    t.equal(nobody.body['code'], 'token_missing', name)
    t.equal(await callAs(user.accessToken, route), 'forbidden', name)
    t.equal(await callAs(teacher.session.accessToken, route), 'forbidden', name)
    if (route.url.endsWith('/stream')) continue // its answer has no end; admin.stream.test.ts has it
    const forAuditor = await callAs(auditor.session.accessToken, route)
    if (isReading) t.not(forAuditor, 'forbidden', name)
    else t.equal(forAuditor, 'forbidden', name)
  }
  const [created] = await db`SELECT FROM users WHERE email = 'somebody@example.com'`
  t.equal(created, undefined)

  // Who tries the doors is told of, once a minute and not at every one.
  await deps.events.whenIdle()
  const refused = (await eventsOf(testApp)).filter(({ type }) => type === 'admin.refused')
  t.match(
    refused.find(({ userId }) => userId === user.user.id),
    { severity: 'warning', sessionId: user.sessionId, data: { method: 'GET', route: '/api/v1/admin/users' } },
  )
  t.equal(refused.filter(({ userId }) => userId === user.user.id).length, 1)
})

t.test('a role is what the database says now, not what the token says', async (t) => {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  await db`UPDATE sessions SET aal = 2 WHERE id = ${session.sessionId}`
  const look = () => api('GET', '/api/v1/admin/users', { token: session.accessToken })
  const change = (roles: string[]) => admin.call('PATCH', `/users/${session.user.id}`, { roles })

  t.equal((await look()).status, 403)
  t.equal((await change(['user', 'auditor'])).status, 200)
  t.equal((await look()).status, 200, 'with the very token of before')

  t.equal((await change(['user'])).status, 200)
  t.equal((await look()).body['code'], 'session_revoked', 'who loses a role is signed out')
  t.same(await isAlive(testApp, session), { access: false, refresh: false })
  const again = await signIn(testApp, { email })
  t.same(again.user.roles, ['user'])
  const fromUnversioned = await api('GET', '/api/admin/users', { token: again.accessToken })
  t.equal(fromUnversioned.body['code'], 'forbidden')
})

t.test('who is disabled is signed out with the answer, and cannot sign in', async (t) => {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  const { status, body } = await admin.call('PATCH', `/users/${session.user.id}`, { status: 'disabled' })
  t.equal(status, 200)
  t.match(body, { status: 'disabled', disabledAt: /Z$/ })
  t.same(await isAlive(testApp, session), { access: false, refresh: false })
  const refused = await api('POST', '/login', { body: { email, password: 'a long enough phrase 42' } })
  t.equal(refused.body['code'], 'invalid_credentials')
  await admin.call('PATCH', `/users/${session.user.id}`, { status: 'enabled' })
  t.ok(await signIn(testApp, { email }))
  t.same(await isAlive(testApp, session), { access: false, refresh: false }, 'what ended stays so')
})

t.test('one factor is not enough', async (t) => {
  const weak = await newOperator(testApp)
  await db`UPDATE sessions SET aal = 1 WHERE id = ${weak.session.sessionId}`
  t.match(await weak.call('GET', '/users'), { status: 403, body: { code: 'mfa_required' } })
  const { session } = await enrol(testApp, weak.session)
  const withFactor = await api('PATCH', `/api/v1/admin/users/${newId()}`, {
    token: session.accessToken,
    body: { name: 'X' },
  })
  t.equal(withFactor.body['code'], 'not_found', 'an enrolment raises the session')
  await db`UPDATE sessions SET aal = 1 WHERE id = ${weak.session.sessionId}`
  const stepUp = { status: 403, body: { code: 'step_up_required', methods: ['totp', 'recovery_code'] } }
  t.match(await weak.call('GET', '/users'), stepUp)
  t.match(await weak.call('PATCH', `/users/${newId()}`, { name: 'X' }), stepUp)
})

t.test('who changes something authenticated minutes ago at most; who looks need not', async (t) => {
  const aged = await newOperator(testApp)
  await letTimePass(db, aged.session.sessionId, 301)
  const { body } = await api('POST', '/refresh', { body: { refreshToken: aged.session.refreshToken } })
  const token = String(body['accessToken'])
  t.equal((await api('GET', '/api/v1/admin/users', { token })).status, 200)
  for (const route of adminRoutes.filter(({ method }) => method !== 'GET'))
    t.equal(await callAs(token, route), 'step_up_required', `${route.method} ${route.url}`)
})

t.test('an act is refused when the session ended after the guard let it in', async (t) => {
  const gone = await newOperator(testApp)
  const target = await signUp(testApp, { email: newPerson().email })
  // The guard sees a live admin; the act then waits for the lock, and finds a session that is over.
  let hold = (): void => {}
  let release = (): void => {}
  const isHeld = new Promise<void>((resolve) => (hold = resolve))
  const isOver = new Promise<void>((resolve) => (release = resolve))
  const held = db.begin(async (sql) => {
    await sql`SELECT pg_advisory_xact_lock(hashtext('latchkey:admins'))`
    hold()
    await isOver
    await sql`UPDATE sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = ${gone.session.sessionId}`
  })
  await isHeld
  const answer = gone.call('PATCH', `/users/${target.user.id}`, { roles: ['user', 'admin'] })
  const waiting = async () => {
    const [row] = await db<{ waiting: boolean }[]>`
      SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted) AS waiting`
    return row?.waiting === true
  }
  await waitFor(waiting, { what: 'the act to wait for the lock' })
  release()
  await held
  t.match(await answer, { status: 403, body: { code: 'forbidden' } })
  const [row] = await db<{ roles: string[] }[]>`SELECT roles FROM users WHERE id = ${target.user.id}`
  t.same(row?.roles, ['user'])
})
