// Attacks: locking owners out by failing for them; guessing on with a pass that was forged, stolen, or is somebody else's.
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { decodeDevicePass, devicePassSeconds, encodeDevicePass } from '@latchkey/auth-api/device-pass'
import { createSessionCookies } from '@latchkey/auth-api/plugins/session-cookies'
import t from 'tap'
import { anotherPassword, eventsOf, newPerson } from './support/accounts.js'
import { Browser, setCookiesOf } from './support/browser.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const wrong = 'not the phrase of anyone'
const app = await createTestApp(t, {
  lockoutAfter: 3,
  lockoutDurationSeconds: 900,
  lockoutMaxSeconds: 86_400,
})
const { api, db, deps } = app
const stranger = new Browser(api)

const logIn = (browser: Browser, email: string, attempted = password) =>
  browser.call('POST', '/login', { body: { email, password: attempted } })

/** An owner at a browser of theirs, and the account locked by a stranger. */
async function lockedOwner(): Promise<{ email: string; userId: string; browser: Browser; token: string }> {
  const { email } = newPerson()
  const browser = new Browser(api)
  const { body } = await browser.call('POST', '/register', { body: { email, password } })
  await lock(email)
  const session = body as { user: { id: string }; accessToken: string }
  return { email, userId: session.user.id, browser, token: session.accessToken }
}

async function lock(email: string): Promise<void> {
  for (let index = 0; index < 3; index += 1) await logIn(new Browser(api), email, wrong)
  if (!isLocked(await logIn(stranger, email))) throw new Error('not locked')
}

const isLocked = ({ status, body }: ApiAnswer) => status === 429 && body['code'] === 'too_many_attempts'
const passOf = (browser: Browser) => decodeDevicePass(deps.keyring, browser.cookies.get('lk_dev') ?? '')

t.test(
  'an owner gets through a lockout that a stranger has brought about, on a device of theirs',
  async (t) => {
    const { email, browser, token } = await lockedOwner()
    t.ok(isLocked(await logIn(stranger, email)), 'the right password alone does not')
    const cookie = browser.cookieHeader()
    const other = await api('POST', '/login', {
      body: { email, password },
      headers: { cookie },
      ip: '203.0.113.9',
    })
    t.equal(other.status, 200, 'from wherever')
    t.equal((await browser.call('POST', '/step-up', { token, body: { password } })).status, 200)
    t.ok(isLocked(await logIn(stranger, email)), 'and the account stays locked for others')
  },
)

t.test('whoever signs in gets a pass, and a device keeps its id', async (t) => {
  const { email } = newPerson()
  const browser = new Browser(api)
  const registered = await browser.call('POST', '/register', { body: { email, password } })
  const [{ name, attributes } = { name: '', attributes: {} }] = setCookiesOf(registered)
  t.equal(name, 'lk_dev')
  t.same(attributes, { path: '/', httponly: true, samesite: 'Strict', 'max-age': '15552000' })
  const first = passOf(browser)
  await logIn(browser, email)
  const second = passOf(browser)
  t.equal(second?.deviceId, first?.deviceId)
  t.ok(Number(second?.issuedAt) >= Number(first?.issuedAt))
  t.notOk(setCookiesOf(await logIn(browser, email, wrong)).length, 'a failure says nothing of devices')

  const somebody = newPerson().email
  await browser.call('POST', '/register', { body: { email: somebody, password } })
  t.not(passOf(browser)?.deviceId, first?.deviceId, 'another user, another pass')
})

t.test('a device that fails locks itself, and counts with all others from then on', async (t) => {
  const { email, browser, userId } = await lockedOwner()
  const told = async () =>
    (await eventsOf(app)).filter((event) => event.type === 'login.locked' && event.userId === userId)
  t.match(await told(), [{ data: { device: false } }])
  for (let index = 0; index < 3; index += 1) t.equal((await logIn(browser, email, wrong)).status, 401)
  t.ok(isLocked(await logIn(browser, email)))
  t.match(await told(), [{ data: { device: false } }, { data: { device: true } }])
  await db`DELETE FROM guess_counters WHERE attempts = 3 AND open_at < (SELECT max(open_at) FROM guess_counters)`
  t.equal((await logIn(browser, email)).status, 200, 'which lets it in once those are unlocked')
})

t.test('a success on a device forgets its own failures, and those of strangers not', async (t) => {
  const { email, browser } = await lockedOwner()
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 2; index += 1) t.equal((await logIn(browser, email, wrong)).status, 401)
    t.equal((await logIn(browser, email)).status, 200)
  }
  t.ok(isLocked(await logIn(stranger, email)))
})

t.test('a pass that is not this user’s, not ours or too old counts as none', async (t) => {
  const { email, userId, browser } = await lockedOwner()
  const { browser: another } = await lockedOwner()
  const pass = passOf(browser)!
  const text = browser.cookies.get('lk_dev')!
  const foreign = createKeyring('another secret of somebody', null).current
  const old = new Date(Date.now() - devicePassSeconds * 1000)
  const bent = Buffer.from(text, 'base64url')
  bent[3]! ^= 1
  const useless = {
    'of another user': another.cookies.get('lk_dev')!,
    'of another secret': encodeDevicePass(foreign, pass),
    'too old': encodeDevicePass(deps.keyring.current, { ...pass, issuedAt: old }),
    changed: bent.toString('base64url'),
    'in another spelling': `${text.slice(0, -1)}${text.endsWith('A') ? 'B' : String.fromCharCode(text.charCodeAt(94) + 1)}`,
    truncated: text.slice(0, -1),
    extended: `${text}A`,
    empty: '',
    'sent twice': `${text}; lk_dev=${text}`,
  }
  for (const [what, value] of Object.entries(useless)) {
    const headers = { cookie: `lk_dev=${value}` }
    t.ok(isLocked(await api('POST', '/login', { body: { email, password }, headers })), what)
  }
  t.equal((await logIn(browser, email)).status, 200)
  t.equal(pass.userId, userId)
})

t.test('a new password makes passes void: those of a thief’s device, too', async (t) => {
  const { email, browser, token } = await lockedOwner()
  const before = new Browser(api)
  before.cookies.set('lk_dev', browser.cookies.get('lk_dev')!)
  const body = { currentPassword: password, newPassword: anotherPassword }
  t.equal((await browser.call('POST', '/change-password', { token, body })).status, 204)
  t.ok(isLocked(await logIn(before, email, anotherPassword)), 'a copy of the pass')
  t.equal((await logIn(browser, email, anotherPassword)).status, 200, 'whose device it was has a new one')
})

t.test('a pass survives a change of AUTH_SECRET as long as the previous one is accepted', async (t) => {
  const [old, fresh] = ['the secret before the change', 'the secret after the change']
  const pass = { userId: newId(), deviceId: newId(), issuedAt: new Date() }
  const text = encodeDevicePass(createKeyring(old, null).current, pass)
  t.same(decodeDevicePass(createKeyring(fresh, old), text), pass)
  t.equal(decodeDevicePass(createKeyring(fresh, null), text), null)
})

t.test('a pass is no session: no CSRF token is asked for it, and signing out leaves it', async (t) => {
  t.notOk(createSessionCookies(true).expired.some((line) => line.includes('lk_dev')))
  const { email, browser } = await lockedOwner()
  const headers = { cookie: browser.cookieHeader(), origin: 'https://elsewhere.example.com' }
  t.equal((await api('POST', '/login', { body: { email, password }, headers })).status, 200)
  t.equal((await api('GET', '/me', { headers })).status, 401)
})
