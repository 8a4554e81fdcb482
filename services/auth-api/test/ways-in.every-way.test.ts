// Attack: what is asked for on one way in, or refused there, is not on another.
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { newPerson, signUp } from './support/accounts.js'
import { enrol, freshCode, mfaTokenOf, type Authenticator } from './support/authenticator.js'
import { FederatedBrowser } from './support/federated-browser.js'
import { createFederationApp, newAccount } from './support/federation-app.js'
import { magicTokenFor } from './support/mail-links.js'
import type { Account } from './support/openid-issuer.js'
import { addPasskey, passkeySettings, requestOptions, verifySignIn } from './support/passkeys.js'
import { rememberDeviceOf } from './support/remembered-devices.js'
import { password } from './support/session-driver.js'
import { usePasskey, type HeldPasskey } from './support/software-authenticator.js'
import type { ApiAnswer } from './support/test-app.js'

const app = await createFederationApp(t, {
  ...passkeySettings,
  magicLink: true,
  requireMfa: { admins: true, everyone: false, userTypes: ['teacher'] },
})
const { api, db } = app

/** With a password, a proven address, an account at a provider, and a passkey or an app. */
interface Person {
  readonly email: string
  readonly userId: string
  readonly account: Account
  readonly held: HeldPasskey | null
  readonly authenticator: Authenticator | null
}
type Kind = 'plain' | 'with a passkey' | 'with an app'

async function newUser(kind: Kind): Promise<Person> {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  const userId = session.user.id
  await db`UPDATE users SET email_verified_at = now() WHERE id = ${userId}`
  const account = newAccount({ email })
  await app.sessionAt('work', account)
  const { held } = kind === 'with a passkey' ? await addPasskey(app, session) : { held: null }
  const authenticator = kind === 'with an app' ? await enrol(app, session) : null
  return { email, userId, account, held, authenticator }
}

/** What they come to: a session, a question for the second factor, the setting up of one, or the code of a refusal. */
function outcomeOf({ body }: ApiAnswer): string {
  if (body['accessToken'] !== undefined) return 'session'
  if (body['mfaRequired'] === true) return 'challenge'
  return body['mfaEnrolmentRequired'] === true ? 'enrolment' : String(body['code'])
}

function holderOf<T>(held: T | null): T {
  if (held === null) throw new Error('This user has no such factor')
  return held
}

/** Each is gone half way at first; the rest is gone once something has happened. */
const ways: Record<string, (person: Person) => Promise<() => Promise<ApiAnswer>>> = {
  password:
    async ({ email }) =>
    () =>
      api('POST', '/login', { body: { email, password } }),
  link: async ({ email }) => {
    const token = await magicTokenFor(app, email)
    return () => api('POST', '/magic-link/verify', { body: { token } })
  },
  provider: async ({ account }) => {
    const browser = new FederatedBrowser(app)
    const { code } = await app.visit(browser, 'work', account)
    return () => browser.call('POST', '/oauth/exchange', { body: { code } })
  },
  passkey: async ({ held }) => {
    const passkey = usePasskey(await requestOptions(app), holderOf(held))
    return () => verifySignIn(app, passkey)
  },
  code: async ({ email, authenticator }) => {
    const mfaToken = await mfaTokenOf(app, email)
    const code = await freshCode(app, holderOf(authenticator))
    return () => api('POST', '/2fa/challenge', { body: { mfaToken, code } })
  },
  device: async ({ email, userId, authenticator }) => {
    const { token } = await rememberDeviceOf(app, { ...holderOf(authenticator), email, userId })
    return () => api('POST', '/login', { body: { email, password, rememberToken: token } })
  },
  // The cookie of such a device, which goes along on every way.
  'provider on a device': async ({ email, userId, account, authenticator }) => {
    const { token } = await rememberDeviceOf(app, { ...holderOf(authenticator), email, userId })
    const browser = new FederatedBrowser(app)
    browser.cookies.set('lk_mfa', token)
    const { code } = await app.visit(browser, 'work', account)
    return () => browser.call('POST', '/oauth/exchange', { body: { code } })
  },
}

const happenings = {
  nothing: async () => undefined,
  required: ({ userId }: Person) => db`UPDATE users SET user_type = 'teacher' WHERE id = ${userId}`,
  doubted: ({ userId }: Person) => db`SELECT defend_account(${userId}, ${newId()}, false, true)`,
  disabled: ({ userId }: Person) => db`UPDATE users SET disabled_at = now() WHERE id = ${userId}`,
}
type Happening = keyof typeof happenings

const refused = 'invalid_credentials'
const over = 'one_time_token_invalid'

const expected: [kind: Kind, happening: Happening[], outcomes: Record<string, string>][] = [
  ['plain', ['nothing'], { password: 'session', link: 'session', provider: 'session' }],
  ['plain', ['required'], { password: 'enrolment', link: 'enrolment', provider: 'enrolment' }],
  ['plain', ['doubted'], { password: refused, link: 'session', provider: 'session' }],
  ['plain', ['required', 'doubted'], { password: refused, link: 'enrolment', provider: 'enrolment' }],
  ['plain', ['disabled'], { password: refused, link: over, provider: over }],
  [
    'with a passkey',
    ['nothing'],
    { password: 'session', link: 'session', provider: 'session', passkey: 'session' },
  ],
  [
    'with a passkey',
    ['required'],
    { password: 'challenge', link: 'challenge', provider: 'challenge', passkey: 'session' },
  ],
  [
    'with a passkey',
    ['doubted'],
    { password: 'challenge', link: 'session', provider: 'session', passkey: 'session' },
  ],
  ['with a passkey', ['disabled'], { password: refused, link: over, provider: over, passkey: refused }],
  [
    'with an app',
    ['required'],
    {
      password: 'challenge',
      link: 'challenge',
      provider: 'challenge',
      'provider on a device': 'challenge',
      device: 'session',
      code: 'session',
    },
  ],
  [
    'with an app',
    ['doubted'],
    { password: 'challenge', link: 'challenge', provider: 'challenge', device: 'challenge', code: over },
  ],
  [
    'with an app',
    ['disabled'],
    { password: refused, link: over, provider: over, device: refused, code: over },
  ],
]

async function countSessions({ userId }: Person): Promise<number> {
  const rows = await db`SELECT FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`
  return rows.length
}

for (const [kind, happened, outcomes] of expected)
  t.test(`${kind}, ${happened.join(' and ')}`, async (t) => {
    const person = await newUser(kind)
    const finishes = new Map<string, () => Promise<ApiAnswer>>()
    for (const name of Object.keys(outcomes)) {
      const begin = ways[name]
      if (begin) finishes.set(name, await begin(person))
    }
    for (const happening of happened) await happenings[happening](person)
    for (const [name, finish] of finishes) {
      const before = await countSessions(person)
      const outcome = outcomeOf(await finish())
      t.equal(outcome, outcomes[name], name)
      t.equal(await countSessions(person), before + (outcome === 'session' ? 1 : 0), `${name}: sessions`)
    }
  })
