import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider, type Configuration } from 'oidc-provider'

interface TestScope {
  teardown: (release: () => Promise<void>) => void
}

/** Who somebody is there. */
export interface Account {
  readonly sub: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly name?: string
}

export interface OpenIdIssuer {
  readonly issuer: string
  /** Whoever signs in next. */
  account: Account
  /** Follows the redirects of a user who signs in and consents, up to the one that leads back to us. */
  visit(url: URL): Promise<URL>
}

/** A real OpenID provider, at which people sign in by being named. */
export async function openIssuer(
  t: TestScope,
  client: { id: string; secret: string; redirectUri: (issuer: string) => string },
  settings: Configuration = {},
): Promise<OpenIdIssuer> {
  const accounts = new Map<string, Account>()
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [
      { client_id: client.id, client_secret: client.secret, redirect_uris: [client.redirectUri(issuer)] },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'locale'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ ...accounts.get(sub), sub }) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    cookies: { keys: ['of the provider in a test'] },
    ttl: { AccessToken: 60, Grant: 600, IdToken: 60, Interaction: 600, Session: 600 },
    ...settings,
  })
  const answer = provider.callback()
  server.on('request', (request, response) => {
    void (request.url?.startsWith('/interaction/') === true
      ? interact(request, response)
      : answer(request, response))
  })
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  const issued: OpenIdIssuer = { issuer, account: { sub: 'nobody' }, visit }

  /** Logs the account in, or consents for it. */
  async function interact(...[request, response]: Parameters<typeof answer>): Promise<void> {
    const { prompt, params, session, grantId } = await provider.interactionDetails(request, response)
    const clientId = String(params['client_id'])
    if (prompt.name === 'login') {
      accounts.set(issued.account.sub, issued.account)
      await provider.interactionFinished(request, response, { login: { accountId: issued.account.sub } })
      return
    }
    const accountId = session?.accountId ?? ''
    const grant =
      (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
      new provider.Grant({ accountId, clientId })
    grant.addOIDCScope(String(params['scope']))
    const result = { consent: { grantId: await grant.save() } }
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
  }

  async function visit(url: URL): Promise<URL> {
    const cookies = new Map<string, string>()
    let at = url
    for (let step = 0; step < 10; step += 1) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const answered = await fetch(at, { redirect: 'manual', headers: { cookie } })
      for (const line of answered.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        cookies.set(name, value)
      }
      const location = answered.headers.get('location')
      if (location === null) throw new Error(`answered ${answered.status}: ${await answered.text()}`)
      at = new URL(location, at)
      if (at.origin !== issuer) return at
    }
    throw new Error('It goes round in circles')
  }

  return issued
}
