// Attack: a provider, or an address to lead back to, that means something else than the operator thought, and a secret in an error message.
import t from 'tap'
import { leastEnv, load, problemsOf } from './support/config-problems.js'

const production = { ...leastEnv, NODE_ENV: 'production' }
const goodProvider = {
  id: 'a',
  name: 'A',
  issuer: 'https://id.example/realms/a',
  clientId: 'i',
  clientSecret: 'a secret of the client',
}

t.test('a provider is taken with what it leaves out', async (t) => {
  t.same(load({ OIDC_PROVIDERS: JSON.stringify([goodProvider]) }).oidcProviders, [
    { ...goodProvider, scopes: ['openid', 'email', 'profile'], trustEmail: false },
  ])
  const more = { ...goodProvider, scopes: ['openid'], trustEmail: true }
  t.same(load({ OIDC_PROVIDERS: JSON.stringify([more]) }).oidcProviders, [more])
  t.equal(load().oidcProviders, null)
})

t.test(
  'where to lead back to is an origin, with a path or without; that of the pages unless said',
  async (t) => {
    t.same(load({ RETURN_TO_ALLOWED: 'https://a.example, https://b.example/app/' }).returnToAllowed, [
      { origin: 'https://a.example', path: '' },
      { origin: 'https://b.example', path: '/app' },
    ])
    t.same(load({ ALLOWED_ORIGINS: 'https://a.example' }).returnToAllowed, [
      { origin: 'https://a.example', path: '' },
    ])
    t.same(load().returnToAllowed, [])
  },
)

t.test('no other is', async (t) => {
  for (const RETURN_TO_ALLOWED of [
    'app.example.com',
    'https://App.example.com',
    'https://*.example.com',
    'https://user@app.example.com',
    'https://app.example.com/a?b',
    'https://app.example.com/a#b',
    'https://app.example.com/a/../b',
    'https://app.example.com/%2e',
    'https://app.example.com\\x',
    'javascript:alert(1)',
    'https://a.example,',
  ])
    t.match(
      problemsOf({ ...leastEnv, RETURN_TO_ALLOWED }),
      [/^RETURN_TO_ALLOWED must list/],
      RETURN_TO_ALLOWED,
    )
})

t.test('a provider that is not quite one stops the start, and its secret is not told', async (t) => {
  for (const OIDC_PROVIDERS of [
    '{}',
    'id=a',
    '[null]',
    '[[]]',
    '[{}]',
    ...[
      { id: 'google' },
      { id: 'A' },
      { id: '1a' },
      { name: '' },
      { issuer: 'id.example' },
      { issuer: 'https://u:p@id.example' },
      { issuer: 'https://id.example/?tenant=a' },
      { clientId: '' },
      { clientSecret: 7 },
      { scopes: ['email'] },
      { scopes: 'openid' },
      { trustEmail: 'true' },
      { jwks: 'https://id.example/jwks' },
    ].map((wrong) => JSON.stringify([{ ...goodProvider, ...wrong }])),
    JSON.stringify([goodProvider, goodProvider]),
  ]) {
    const problems = problemsOf({ ...leastEnv, OIDC_PROVIDERS })
    t.match(problems, [/^OIDC_PROVIDERS (must|cannot be used: entry 1: )/], OIDC_PROVIDERS)
    t.notMatch(problems, [/a secret of the client/])
  }
  const two = JSON.stringify([{ ...goodProvider, id: 'A', issuer: 'x' }, { id: 'b' }])
  t.match(
    problemsOf({ ...leastEnv, OIDC_PROVIDERS: two }),
    [/entry 1: id must .*entry 1: issuer must .*entry 2: name is missing.*entry 2: clientSecret is missing/],
    'all of it at once',
  )
})

t.test('providers that anyone on the way could speak for are refused in production', async (t) => {
  const provider = { id: 'a', name: 'A', issuer: 'http://id.example', clientId: 'i', clientSecret: 's' }
  const env = { ...production, PUBLIC_URL: 'https://auth.example.com' }
  const withIssuer = (issuer: string) => ({
    ...env,
    OIDC_PROVIDERS: JSON.stringify([{ ...provider, issuer }]),
  })
  t.match(problemsOf(withIssuer('http://id.example')), [/^OIDC_PROVIDERS must have https issuers/])
  t.same(problemsOf(withIssuer('https://id.example')), [])
  t.same(problemsOf(withIssuer('http://localhost:9000')), [])
  t.match(problemsOf({ ...withIssuer('https://id.example'), PUBLIC_URL: 'http://auth.example.com' }), [
    /^PUBLIC_URL must be https with sign-in at other providers/,
  ])
  t.match(problemsOf({ ...env, GOOGLE_CLIENT_ID: 'id' }), [/must be given together/])
  t.match(problemsOf({ ...env, GOOGLE_CLIENT_SECRET: 'secret' }), [/must be given together/])
})
