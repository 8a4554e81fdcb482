// Attack: a token that is good for one thing is presented where another belongs. Every kind of token, at every door.
import { randomBytes } from 'node:crypto'
import { newMfaToken } from '@latchkey/auth-api/features/mfa/mfa-token'
import t from 'tap'
import { enrolledPerson, freshCode } from './support/authenticator.js'
import { Browser, pageOrigin } from './support/browser.js'
import { createForge, foreignKey } from './support/forged-tokens.js'
import { newClient, postForm } from './support/service-clients.js'
import { createTestApp } from './support/test-app.js'

const shared = await createTestApp(t, { useCookieSessions: true, allowedOrigins: [pageOrigin] })
const { api, db, deps } = shared
const { basic, clientId, clientSecret } = await newClient(shared)

const person = await enrolledPerson(shared)

/** What a right password answers somebody who has a second factor. */
async function issueMfaToken(): Promise<string> {
  const { token, hash } = newMfaToken()
  await db`
    INSERT INTO sign_in_challenges (token_hash, user_id, password_changed_at, amr, expires_at)
    SELECT ${hash}, user_id, password_changed_at, '{pwd}', now() + interval '1 minute'
    FROM credentials WHERE user_id = ${person.userId}`
  return token
}

/** One of each kind, all of them good where they belong, and the session that the user's ones are of. */
async function issueTokens() {
  const browser = new Browser(api)
  const { sessionId } = await browser.register()
  const [accessToken, refreshToken, csrfToken] = (['lk_at', 'lk_rt', 'lk_csrf'] as const).map((name) =>
    browser.cookie(name),
  ) as [string, string, string]
  const { body } = await postForm(
    shared,
    '/token',
    { grant_type: 'client_credentials' },
    { authorization: basic },
  )
  const { header, payload, signed, signedBy } = createForge(deps, accessToken)
  const identity = {
    iss: 'https://accounts.example',
    aud: 'our-app',
    sub: payload['sub'],
    iat: payload['iat'],
    exp: payload['exp'],
    nonce: 'n',
  }
  const values = {
    'an access token': accessToken,
    'a refresh token': refreshToken,
    'a CSRF token': csrfToken,
    'a token of a client': String(body['access_token']),
    'the secret of a client': clientSecret,
    'an id_token of somebody else': signedBy(
      foreignKey().privateKey,
      { alg: 'ES256', kid: 'theirs', typ: 'JWT' },
      identity,
    ),
    'an id_token under our key': signed({ ...header, typ: 'JWT' }, payload),
    'a one-time token': randomBytes(32).toString('base64url'),
    'the token of a sign-in': await issueMfaToken(),
    'the id of the session': sessionId,
    nothing: '',
  }
  return { browser, sessionId, values }
}

type Issued = Awaited<ReturnType<typeof issueTokens>>
type Kind = keyof Issued['values']

interface Door {
  /** What belongs here. */
  accepts: readonly Kind[]
  /** Answers `in` or why not. */
  knock: (token: string, issued: Issued) => Promise<unknown>
}

const outcome = ({ status, body }: { status: number; body: Record<string, unknown> }): unknown =>
  status < 300 ? 'in' : status < 500 ? body['code'] : `broken: ${status}`

const doors: Record<string, Door> = {
  'as a bearer': {
    accepts: ['an access token'],
    knock: async (token) =>
      outcome(await api('GET', '/me', { headers: { authorization: `Bearer ${token}` } })),
  },
  'as the access cookie': {
    accepts: ['an access token'],
    knock: async (token) => outcome(await api('GET', '/me', { headers: { cookie: `lk_at=${token}` } })),
  },
  'in the body of a refresh': {
    accepts: ['a refresh token'],
    knock: async (token) => outcome(await api('POST', '/refresh', { body: { refreshToken: token } })),
  },
  'as the refresh cookie': {
    accepts: ['a refresh token'],
    knock: async (token, { browser }) => {
      browser.cookies.set('lk_rt', token)
      browser.cookies.delete('lk_at')
      return outcome(await browser.call('POST', '/refresh'))
    },
  },
  'in the body of a logout': {
    accepts: ['a refresh token'],
    knock: async (token) => outcome(await api('POST', '/logout', { body: { refreshToken: token } })),
  },
  'at the second factor': {
    accepts: ['the token of a sign-in'],
    knock: async (mfaToken) => {
      const code = await freshCode(shared, person)
      return outcome(await api('POST', '/2fa/challenge', { body: { mfaToken, code } }))
    },
  },
  'as the CSRF token': {
    accepts: ['a CSRF token'],
    knock: async (token, { browser }) => {
      browser.cookies.set('lk_csrf', token)
      return outcome(await browser.call('PATCH', '/me', { body: { name: 'Somebody' } }))
    },
  },
  'at introspection': {
    accepts: ['an access token', 'a refresh token', 'a token of a client'],
    knock: async (token) => {
      const { status, text } = await postForm(shared, '/introspect', { token }, { authorization: basic })
      return status === 200 && text.startsWith('{"active":true')
        ? 'in'
        : status < 500
          ? text
          : `broken: ${status}`
    },
  },
  'at revocation': {
    accepts: ['an access token', 'a refresh token'],
    knock: async (token, { sessionId }) => {
      const { status } = await postForm(shared, '/revoke', { token }, { authorization: basic })
      if (status >= 500) return `broken: ${status}`
      const [row] = await db<
        { revokedAt: Date | null }[]
      >`SELECT revoked_at FROM sessions WHERE id = ${sessionId}`
      return row?.revokedAt === null ? 'nothing ended' : 'in'
    },
  },
  'as the bearer of introspection': {
    accepts: [],
    knock: async (token, { values }) => {
      const form = { token: values['an access token'] }
      const { status, body } = await postForm(shared, '/introspect', form, {
        authorization: `Bearer ${token}`,
      })
      return status === 200 ? 'in' : status < 500 ? body['error'] : `broken: ${status}`
    },
  },
  'as the secret of a client': {
    accepts: ['the secret of a client'],
    knock: async (token) => {
      const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: token }
      const { status, body } = await postForm(shared, '/token', form)
      return status === 200 ? 'in' : status < 500 ? body['error'] : `broken: ${status}`
    },
  },
}

for (const [where, { accepts, knock }] of Object.entries(doors)) {
  t.test(where, async (t) => {
    for (const kind of Object.keys((await issueTokens()).values) as Kind[]) {
      const issued = await issueTokens()
      const before = await sessionsAndUsers()
      const answer = await knock(issued.values[kind], issued)
      if (accepts.includes(kind)) {
        t.equal(answer, 'in', kind)
      } else {
        t.not(answer, 'in', kind)
        t.notMatch(answer, /^broken/, kind)
        t.same(await sessionsAndUsers(), before, `${kind} changes nothing`)
      }
    }
  })
}

/** What a door could change, all of it. */
async function sessionsAndUsers(): Promise<unknown[]> {
  return Array.from(
    await db`SELECT to_jsonb(s) AS session, to_jsonb(u) AS owner FROM sessions s JOIN users u ON u.id = s.user_id ORDER BY s.id`,
  )
}
