import type { Session } from '@latchkey/contracts/http/answers'
import type { Config } from '@latchkey/platform/config/config'
import { eventsOf, newPerson } from './accounts.js'
import { FederatedBrowser, outcomeOf, returnTo } from './federated-browser.js'
import { openIssuer, type Account, type OpenIdIssuer } from './openid-issuer.js'
import { createTestApp, type ApiAnswer, type TestApp } from './test-app.js'

interface TestScope {
  readonly name: string
  teardown: (release: () => Promise<void>) => void
}

export type ProviderId = 'work' | 'club'

/** Of the two providers `work` is believed when it calls an address verified, and `club` is not. */
export interface FederationApp extends TestApp {
  readonly issuers: Readonly<Record<ProviderId, OpenIdIssuer>>
  /** From our page to the provider, as somebody there, and back to the application. */
  visit(
    browser: FederatedBrowser,
    id: ProviderId,
    account: Account,
    query?: Record<string, string>,
  ): Promise<{ code: string | null; error: string | null }>
  signInAt(id: ProviderId, account: Account, extra?: object): Promise<ApiAnswer>
  /** Throws when there is none. */
  sessionAt(id: ProviderId, account: Account): Promise<Session>
  errorAt(id: ProviderId, account: Account): Promise<string | null>
  /** Links an account there, by the browser of whoever is signed in. */
  linkAt(id: ProviderId, session: Session, account: Account): Promise<ApiAnswer>
  identitiesOf(session: Session): Promise<{ id: string; provider: string }[]>
  /** The types of the events since there were so many. */
  typesSince(count: number): Promise<string[]>
}

let accounts = 0

export function newAccount(claims: Partial<Account> = {}): Account {
  accounts += 1
  return { sub: `account-${accounts}`, email: newPerson().email, email_verified: true, ...claims }
}

/** `settings` go over those of this application. */
export async function createFederationApp(
  t: TestScope,
  settings: Partial<Config> = {},
): Promise<FederationApp> {
  const publicUrl = 'https://auth.example.com'
  const secret = 'a secret of the client, for nobody else'
  const clientAt = (id: string) => ({
    id: 'latchkey',
    secret,
    redirectUri: () => `${publicUrl}/api/v1/auth/oauth/${id}/callback`,
  })
  const issuers: Record<ProviderId, OpenIdIssuer> = {
    work: await openIssuer(t, clientAt('work')),
    // Its ID tokens have the claims in them, and it wants the secret in the body.
    club: await openIssuer(t, clientAt('club'), {
      conformIdTokenClaims: false,
      clientAuthMethods: ['client_secret_post'],
      clientDefaults: { token_endpoint_auth_method: 'client_secret_post' },
    }),
  }
  const provider = { clientId: 'latchkey', clientSecret: secret, scopes: ['openid', 'email', 'profile'] }
  const app = await createTestApp(t, {
    publicUrl,
    oidcProviders: [
      { ...provider, id: 'work', name: 'Work', issuer: issuers.work.issuer, trustEmail: true },
      { ...provider, id: 'club', name: 'Club', issuer: issuers.club.issuer, trustEmail: false },
    ],
    outboundAllowedNetworks: ['127.0.0.1'],
    returnToAllowed: [{ origin: 'https://app.example.com', path: '/signed-in' }],
    allowedOrigins: ['https://app.example.com'],
    useCookieSessions: true,
    hashConcurrency: 4,
    ...settings,
  })
  const { api } = app

  async function visit(
    browser: FederatedBrowser,
    id: ProviderId,
    account: Account,
    query?: Record<string, string>,
  ): Promise<{ code: string | null; error: string | null }> {
    issuers[id].account = account
    const { url } = await browser.begin(id, query)
    const back = await issuers[id].visit(url)
    return outcomeOf(await browser.open(back.pathname + back.search))
  }

  async function signInAt(id: ProviderId, account: Account, extra: object = {}): Promise<ApiAnswer> {
    const browser = new FederatedBrowser(app)
    const { code, error } = await visit(browser, id, account)
    if (code === null) throw new Error(`led back with ${error}`)
    return browser.call('POST', '/oauth/exchange', { body: { code, ...extra } })
  }
  const errorAt = async (id: ProviderId, account: Account) =>
    (await visit(new FederatedBrowser(app), id, account)).error

  async function sessionAt(id: ProviderId, account: Account): Promise<Session> {
    const { status, body } = await signInAt(id, account)
    if (status !== 200) throw new Error(JSON.stringify(body))
    return body as unknown as Session
  }

  async function linkAt(id: ProviderId, session: Session, account: Account): Promise<ApiAnswer> {
    const { accessToken: token } = session
    const browser = new FederatedBrowser(app)
    const { body } = await api('POST', `/oauth/${id}/link`, { token, body: { returnTo } })
    const { searchParams } = new URL(String(body['url']))
    const { code } = await visit(browser, id, account, Object.fromEntries(searchParams))
    return api('POST', '/oauth/link', { token, body: { code }, headers: { cookie: browser.cookieHeader() } })
  }
  const identitiesOf = async ({ accessToken: token }: Session) =>
    (await api('GET', '/identities', { token })).body['identities'] as { id: string; provider: string }[]
  const typesSince = async (before: number) => (await eventsOf(app)).slice(before).map(({ type }) => type)

  return { ...app, issuers, visit, signInAt, sessionAt, errorAt, linkAt, identitiesOf, typesSince }
}
