// Attack: a token that is told as good when it is not, an answer that tells more than that, and a look that moves what it looks at.
import { endServiceClient } from '@latchkey/platform/service-clients/manage-service-clients'
import t from 'tap'
import { countRows } from './support/accounts.js'
import { createForge, encode, foreignKey } from './support/forged-tokens.js'
import { newClient, postForm, type FormAnswer } from './support/service-clients.js'
import { logIn, newEmail, refresh, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const shared = await createTestApp(t)
const { app, api, db, deps } = shared
const { basic } = await newClient(shared)
const look = (token: string, more: Record<string, string> = {}): Promise<FormAnswer> =>
  postForm(shared, '/introspect', { token, ...more }, { authorization: basic })
const isInactive = async (token: string): Promise<boolean> => {
  const { status, text } = await look(token)
  return status === 200 && text === '{"active":false}'
}
const tokenOf = async (authorization: string): Promise<string> => {
  const { body } = await postForm(shared, '/token', { grant_type: 'client_credentials' }, { authorization })
  return String(body['access_token'])
}

t.test('an access token: all of its claims, and nobody’s name or address', async (t) => {
  const email = newEmail()
  const { accessToken, sessionId, user } = await register(app, email)
  const answer = await look(accessToken)
  const { payload } = createForge(deps, accessToken)
  t.same(answer.body, { active: true, token_type: 'Bearer', ...payload })
  t.match(answer.body, {
    sub: user.id,
    sid: sessionId,
    gen: 1,
    iss: deps.config.issuer,
    aud: deps.config.audience,
  })
  t.equal(answer.headers['cache-control'], 'no-store')
  t.notMatch(answer.text, email)
})

t.test('the token of a client, for whichever audience', async (t) => {
  const other = await newClient(shared, {
    audience: 'https://orders.example',
    scopes: ['token', 'orders:read'],
  })
  const token = await tokenOf(other.basic)
  t.match((await look(token)).body, {
    active: true,
    token_type: 'Bearer',
    client_id: other.clientId,
    sub: other.clientId,
    aud: 'https://orders.example',
    scope: 'token orders:read',
  })
})

t.test('a refresh token: the one that is due, unmoved by the look', async (t) => {
  const { refreshToken, sessionId, user, refreshExpiresIn } = await register(app)
  const [before] = await db`SELECT * FROM sessions WHERE id = ${sessionId}`
  const { body } = await look(refreshToken)
  t.match(body, {
    active: true,
    token_type: 'refresh_token',
    sub: user.id,
    sid: sessionId,
    gen: 1,
    roles: ['user'],
  })
  t.ok(Math.abs(Number(body['exp']) - Date.now() / 1000 - refreshExpiresIn) < 5)
  t.ok(Math.abs(Number(body['iat']) - Date.now() / 1000) < 5)
  t.equal(body['jti'], undefined)
  const [after] = await db`SELECT * FROM sessions WHERE id = ${sessionId}`
  t.same(after, before)

  const next = (await refresh(app, refreshToken)).body
  t.ok(await isInactive(refreshToken), 'the one before is no longer due')
  t.match((await look(next.refreshToken)).body, { active: true, gen: 2 })

  await db`UPDATE sessions SET generation = 1 WHERE id = ${sessionId}`
  t.match(
    (await look(next.refreshToken)).body,
    { active: true, gen: 2 },
    'the database has lost a commit: it is good',
  )
})

t.test('looking at an access token confirms its generation, at a refresh token it does not', async (t) => {
  const { accessToken, refreshToken, sessionId } = await register(app)
  await look(refreshToken)
  t.equal(await deps.revocations.isConfirmed(sessionId, 1n), false)
  await look(accessToken)
  t.equal(await deps.revocations.isConfirmed(sessionId, 1n), true)
})

t.test('the hint is only a hint', async (t) => {
  const { accessToken, refreshToken } = await register(app)
  for (const hint of ['access_token', 'refresh_token', 'saml', '']) {
    t.match(
      (await look(accessToken, { token_type_hint: hint })).body,
      { active: true, token_type: 'Bearer' },
      hint,
    )
    t.match((await look(refreshToken, { token_type_hint: hint })).body, { token_type: 'refresh_token' }, hint)
  }
})

t.test('after the end of its session no token of it is active', async (t) => {
  const email = newEmail()
  const ended = await register(app, email)
  const other = (await logIn(app, email)).body
  t.match((await look(ended.accessToken)).body, { active: true }, 'and remembered by now')
  await api('POST', '/logout', { token: ended.accessToken })
  for (const token of [ended.accessToken, ended.refreshToken]) t.ok(await isInactive(token))
  for (const token of [other.accessToken, other.refreshToken])
    t.match((await look(token)).body, { active: true })

  await db`UPDATE sessions SET idle_expires_at = now() WHERE id = ${other.sessionId}`
  t.ok(await isInactive(other.refreshToken), 'idle for too long')
  const disabled = await register(app)
  await db`UPDATE users SET disabled_at = now() WHERE id = ${disabled.user.id}`
  t.ok(await isInactive(disabled.refreshToken), 'of a disabled user')
  const gone = await register(app)
  await db`DELETE FROM sessions WHERE id = ${gone.sessionId}`
  t.ok(await isInactive(gone.refreshToken), 'of a session that was cleaned up')
})

t.test('the token of a client that was disabled is inactive within 5 s', async (t) => {
  const other = await newClient(shared)
  const token = await tokenOf(other.basic)
  const unseen = await newClient(shared)
  const forge = createForge(deps, token)
  const ofUnseen = forge.signed(forge.header, {
    ...forge.payload,
    client_id: unseen.clientId,
    sub: unseen.clientId,
  })
  t.match((await look(ofUnseen)).body, { active: true })
  const gone = await newClient(shared)
  await endServiceClient(db, gone.clientId)
  t.ok(await isInactive(forge.signed(forge.header, { ...forge.payload, client_id: gone.clientId })))
})

t.test('whatever else is presented is inactive, and says nothing more', async (t) => {
  const session = await register(app)
  const client = await newClient(shared)
  const forge = createForge(deps, session.accessToken)
  const { header, payload } = forge
  const now = Math.floor(Date.now() / 1000)
  const { privateKey } = foreignKey()
  const refused: Record<string, string> = {
    'not a token': 'x',
    'a space': ' ',
    'nothing between dots': '..',
    'a NUL': '\0',
    'fifteen thousand characters': 'a'.repeat(15_000),
    'a session id': session.sessionId,
    'the secret of a client': client.clientSecret,
    'the id of a client': client.clientId,
    'the header of a client': client.basic,
    'a bearer header': `Bearer ${session.accessToken}`,
    'a refresh token, cut': session.refreshToken.slice(0, -1),
    'a refresh token, changed': session.refreshToken.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    'a refresh token in capitals': session.refreshToken.toUpperCase(),
    'a foreign signature': forge.signedBy(privateKey, header, payload),
    'no signature': `${encode({ ...header, alg: 'none' })}.${encode(payload)}.`,
    'another type, an id token say': forge.signed({ ...header, typ: 'JWT' }, payload),
    'another issuer': forge.signed(header, { ...payload, iss: 'https://elsewhere.example' }),
    'a step-up token': forge.signed({ ...header, typ: 'step-up+jwt' }, payload),
    expired: forge.signed(header, { ...payload, exp: now - 60 }),
    'expired within the leeway of our own routes': forge.signed(header, { ...payload, exp: now - 5 }),
    'without an expiry': forge.signed(header, { ...payload, exp: undefined }),
    'neither a session’s nor a client’s': forge.signed(header, { ...payload, sid: undefined }),
    'a session’s and a client’s': forge.signed(header, {
      ...payload,
      sid: undefined,
      gen: undefined,
      client_id: client.clientId,
      scope: '',
    }),
    'a client that never was': forge.signed(header, {
      iss: payload['iss'],
      aud: 'a',
      sub: 'x',
      iat: now,
      exp: now + 60,
      jti: 'j',
      scope: '',
      client_id: '0197a1f9-0000-7000-8000-000000000000',
    }),
  }
  const before = await countRows(shared)
  t.match(
    (await look(forge.signed(header, payload))).body,
    { active: true },
    'signed anew and unchanged it is good',
  )
  for (const [what, token] of Object.entries(refused)) {
    const { status, text } = await look(token)
    t.same({ status, text }, { status: 200, text: '{"active":false}' }, what)
  }
  t.same(await countRows(shared), before, 'and nothing happened to anybody')
})

t.test('a client’s token is nobody’s session, and a session’s token no client', async (t) => {
  const client = await newClient(shared, { audience: deps.config.audience })
  const token = await tokenOf(client.basic)
  for (const [method, path] of [
    ['GET', '/me'],
    ['GET', '/sessions'],
    ['POST', '/logout'],
    ['POST', '/logout-all'],
  ] as const)
    t.match(await api(method, path, { token }), { status: 401, body: { code: 'token_invalid' } }, path)
  t.match(await api('POST', '/refresh', { body: { refreshToken: token } }), {
    status: 401,
    body: { code: 'refresh_token_invalid' },
  })
  t.match(await api('GET', '/health/detailed', { token }), { status: 401 })

  const { accessToken, refreshToken } = await register(app)
  for (const presented of [accessToken, refreshToken, token]) {
    const answer = await postForm(
      shared,
      '/introspect',
      { token: accessToken },
      { authorization: `Bearer ${presented}` },
    )
    t.match(answer, { status: 401, body: { error: 'invalid_client' } })
    const asSecret = await postForm(shared, '/token', {
      grant_type: 'client_credentials',
      client_id: client.clientId,
      client_secret: presented,
    })
    t.match(asSecret, { status: 401, body: { error: 'invalid_client' } })
  }
})

t.test(
  'a store that is away makes a token neither active nor inactive, and a client not unknown',
  async (t) => {
    const alone = await createTestApp(t, { redisUrl: null })
    const client = await newClient(alone)
    const { accessToken, refreshToken } = await register(alone.app)
    const ask = (token: string, authorization = client.basic): Promise<FormAnswer> =>
      postForm(alone, '/introspect', { token }, { authorization })
    t.match((await ask(accessToken)).body, { active: true })

    await alone.database.drop()
    const stranger = await newClient(shared)
    for (const answer of [
      await ask(refreshToken),
      await ask(accessToken),
      await ask(accessToken, stranger.basic),
    ]) {
      t.match(answer, { status: 503, body: { error: 'temporarily_unavailable', active: undefined } })
      t.ok(Number(answer.headers['retry-after']) >= 1)
    }
    const revocation = await postForm(
      alone,
      '/revoke',
      { token: accessToken },
      { authorization: client.basic },
    )
    t.match(revocation, { status: 503, body: { error: 'temporarily_unavailable' } })
  },
)
