// Attacks: planting one's own sign-in in somebody else's account, or somebody else's in one's own; and locking somebody out of theirs.
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { eventsOf, newPerson, signIn, signUp } from './support/accounts.js'
import { agedSession, enrol } from './support/authenticator.js'
import { FederatedBrowser, returnTo } from './support/federated-browser.js'
import { createFederationApp, newAccount } from './support/federation-app.js'
import { findLinkToken } from './support/mail-links.js'
import type { Account } from './support/openid-issuer.js'
import { password } from './support/session-driver.js'
import type { ApiAnswer } from './support/test-app.js'

const app = await createFederationApp(t)
const { api, visit, sessionAt, linkAt, identitiesOf } = app

t.test('linked, used and unlinked, but for the last way in', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  const account = newAccount()
  const before = (await eventsOf(app)).length
  const linked = await linkAt('club', session, account)
  t.match(linked, { status: 200, body: { provider: 'club', email: account.email } })
  t.match((await eventsOf(app)).slice(before), [
    { type: 'identity.linked', userId: session.user.id, sessionId: session.sessionId },
  ])
  t.equal((await linkAt('club', session, account)).body['id'], linked.body['id'], 'twice is once')
  t.equal((await sessionAt('club', account)).user.id, session.user.id)

  const stranger = await signUp(app, { email: newPerson().email })
  t.match(await linkAt('club', stranger, account), { status: 409, body: { code: 'identity_taken' } })
  const id = String(linked.body['id'])
  const remove = ({ accessToken: token }: Session, which = id) =>
    api('DELETE', `/identities/${which}`, { token })
  t.equal((await remove(stranger)).status, 404)
  t.match(await remove(await agedSession(app, session)), {
    status: 403,
    body: { code: 'step_up_required', methods: ['password', 'oauth'] },
  })
  const fresh = await signIn(app, { email })
  t.equal((await remove(fresh)).status, 204)
  t.equal((await remove(fresh)).status, 404)
  t.match((await eventsOf(app)).at(-1), { type: 'identity.unlinked', data: { provider: 'club' } })
  t.not((await sessionAt('club', newAccount({ sub: account.sub }))).user.id, session.user.id)

  const federated = await sessionAt('work', newAccount())
  const [only] = await identitiesOf(federated)
  t.match(await remove(federated, only?.id), { status: 409, body: { code: 'last_way_in' } })
  t.equal((await linkAt('club', federated, newAccount())).status, 200)
  const two = await identitiesOf(federated)
  const both = await Promise.all(two.map((identity) => remove(federated, identity.id)))
  t.same(
    both.map(({ status }) => status).toSorted((one, other) => one - other),
    [204, 409],
    'of two at once one stays',
  )
})

t.test('a link takes the session that began it, and a fresh one', async (t) => {
  const attacker = await signUp(app, { email: newPerson().email })
  const victim = await signUp(app, { email: newPerson().email })
  const body = { returnTo }
  const { url } = (await api('POST', '/oauth/club/link', { token: attacker.accessToken, body })).body
  const browser = new FederatedBrowser(app)
  const query = Object.fromEntries(new URL(String(url)).searchParams)
  const { code } = await visit(browser, 'club', newAccount(), query)
  const headers = { cookie: browser.cookieHeader() }
  const finish = (token: string) => api('POST', '/oauth/link', { token, body: { code }, headers })
  t.match(await finish(victim.accessToken), { status: 400, body: { code: 'one_time_token_invalid' } })
  t.match(await api('POST', '/oauth/link', { token: attacker.accessToken, body: { code } }), { status: 400 })
  t.equal((await browser.call('POST', '/oauth/exchange', { body: { code } })).status, 400, 'nor a sign-in')
  t.match(await new FederatedBrowser(app).open(`/oauth/club?ticket=${query['ticket']}`), { status: 400 })
  t.equal((await identitiesOf(victim)).length, 0)
  const aged = await agedSession(app, attacker)
  t.match(await api('POST', '/oauth/club/link', { token: aged.accessToken, body }), {
    status: 403,
    body: { code: 'step_up_required' },
  })
  t.match(await api('POST', '/oauth/club/link', { body }), { status: 401 })
})

t.test('a code of one purpose is none for another, and none of somebody else’s browser', async (t) => {
  const account = newAccount()
  const { accessToken: token } = await sessionAt('work', account)
  const begin: Record<string, (browser: FederatedBrowser) => ReturnType<typeof visit>> = {
    exchange: (browser) => visit(browser, 'work', account),
    ...Object.fromEntries(
      ['link', 'step-up'].map((purpose) => [
        purpose,
        async (browser: FederatedBrowser) => {
          const { body } = await api('POST', `/oauth/work/${purpose}`, { token, body: { returnTo } })
          return visit(
            browser,
            'work',
            account,
            Object.fromEntries(new URL(String(body['url'])).searchParams),
          )
        },
      ]),
    ),
  }
  for (const [purpose, lead] of Object.entries(begin)) {
    const browser = new FederatedBrowser(app)
    const { code } = await lead(browser)
    const present = (to: string, cookie: string) =>
      api('POST', `/oauth/${to}`, {
        ...(to !== 'exchange' && { token }),
        body: { code: code ?? 'none' },
        headers: { cookie },
      })
    for (const to of Object.keys(begin).filter((other) => other !== purpose))
      t.match(
        await present(to, browser.cookieHeader()),
        { status: 400, body: { code: 'one_time_token_invalid' } },
        `${purpose} → ${to}`,
      )
    const other = new FederatedBrowser(app)
    await other.begin('work')
    t.equal((await present(purpose, other.cookieHeader())).status, 400, `${purpose}, another browser`)
    t.equal((await present(purpose, browser.cookieHeader())).status, 200, `${purpose}: it was left whole`)
  }
})

t.test('a user without a password authenticates once more where they have one', async (t) => {
  const account = newAccount()
  const session = await agedSession(app, await sessionAt('work', account))
  const { accessToken: token } = session
  const refusal = await api('POST', '/oauth/club/link', { token, body: { returnTo } })
  t.match(refusal, { status: 403, body: { code: 'step_up_required', methods: ['oauth'] } })

  async function stepUp(as: Account): Promise<ApiAnswer> {
    const { body } = await api('POST', '/oauth/work/step-up', { token, body: { returnTo } })
    const query = Object.fromEntries(new URL(String(body['url'])).searchParams)
    const browser = new FederatedBrowser(app)
    const led = await visit(browser, 'work', as, query)
    const headers = { cookie: browser.cookieHeader() }
    return api('POST', '/oauth/step-up', { token, body: { code: led.code ?? 'none' }, headers })
  }
  t.equal((await stepUp(newAccount())).status, 400, 'not as somebody else')
  const renewed = await stepUp(account)
  t.match(renewed, { status: 200, body: { sessionId: session.sessionId } })
  t.match(
    (await eventsOf(app))
      .slice(-2)
      .map(({ type }) => type)
      .toSorted(),
    ['identity.used', 'session.stepped_up'],
  )
  const { accessToken } = renewed.body as unknown as Session
  t.equal((await api('POST', '/oauth/club/link', { token: accessToken, body: { returnTo } })).status, 200)

  const enrolled = await enrol(app, renewed.body as unknown as Session)
  t.match(
    await api('POST', '/oauth/work/step-up', { token: enrolled.session.accessToken, body: { returnTo } }),
    { status: 403, body: { code: 'step_up_required', methods: ['totp', 'recovery_code'] } },
    'which is no second factor',
  )
})

t.test('what was linked since an address was changed goes when its owner undoes that', async (t) => {
  const { email } = newPerson()
  const owner = await signUp(app, { email })
  await app.db`UPDATE users SET email_verified_at = now() WHERE id = ${owner.user.id}`
  t.equal((await linkAt('club', owner, newAccount())).status, 200)
  const newEmail = newPerson().email
  const body = { password, newEmail }
  t.equal((await api('POST', '/change-email', { token: owner.accessToken, body })).status, 202)
  const confirm = { token: await findLinkToken(app, 'change_email', newEmail) }
  t.equal((await api('POST', '/change-email/confirm', { body: confirm })).status, 204)
  t.equal((await linkAt('work', owner, newAccount())).status, 200)
  const undo = { token: await findLinkToken(app, 'undo_email_change', email) }
  t.equal((await api('POST', '/change-email/undo', { body: undo })).status, 204)
  const left = await app.db`SELECT provider FROM identities WHERE user_id = ${owner.user.id}`
  t.same([...left], [{ provider: 'club' }])
})

t.test('they are in what a user may take along, and gone with the user', async (t) => {
  const account = newAccount()
  const session = await sessionAt('work', account)
  const { accessToken: token, user } = session
  const exported = await api('GET', '/me/export', { token })
  t.match(exported.body['identities'], [
    { provider: 'work', issuer: app.issuers.work.issuer, subject: account.sub, email: account.email },
  ])
  await app.db`DELETE FROM users WHERE id = ${user.id}`
  t.same(await app.db`SELECT 1 FROM identities WHERE user_id = ${user.id}`, [])
})

t.test('no more of them than one person has', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  for (let index = 0; index < 19; index += 1)
    await app.db`
      INSERT INTO identities (id, user_id, provider, issuer, subject)
      VALUES (uuid_v7(), ${session.user.id}, 'club', 'https://elsewhere.example', ${`of ${session.user.id} ${index}`})`
  t.equal((await linkAt('club', session, newAccount())).status, 200)
  t.match(await linkAt('club', session, newAccount()), { status: 409, body: { code: 'identity_taken' } })
})
