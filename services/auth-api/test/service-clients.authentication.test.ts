// Attack: somebody else's client, by a guessed, an old or a stolen secret, or by a request that two readers understand differently.
import { waitFor } from '@latchkey/devstack/wait-for'
import { OAuthError } from '@latchkey/contracts/oauth-errors'
import {
  endServiceClient,
  rotateClientSecret,
} from '@latchkey/platform/service-clients/manage-service-clients'
import t from 'tap'
import { authenticateClient } from '@latchkey/auth-api/features/service-clients/authenticate-client'
import { readClientCredentials } from '@latchkey/auth-api/features/service-clients/client-credentials'
import { createFailedAttempts } from '@latchkey/auth-api/features/service-clients/failed-attempts'
import { createServiceClients } from '@latchkey/auth-api/features/service-clients/service-clients'
import { eventsOf } from './support/accounts.js'
import { basicOf, newClient, postForm, type FormAnswer } from './support/service-clients.js'
import { createTestApp } from './support/test-app.js'

const shared = await createTestApp(t)
const { db, deps } = shared
const form = { token: 'whatever' }
const ask = (
  options: Parameters<typeof postForm>[3],
  more: Record<string, string> = {},
): Promise<FormAnswer> => postForm(shared, '/introspect', { ...form, ...more }, options)
const askAs = async (clientId: string, clientSecret: string): Promise<number> =>
  (await ask({ authorization: basicOf(clientId, clientSecret) })).status
const nobody = '0197a1f9-0000-7000-8000-000000000000'

/** Statements on service_clients so far. */
async function countReads(): Promise<number> {
  const { values } = await deps.metrics.databaseQueryDurationSeconds.get()
  return values
    .filter(({ metricName, labels }) => metricName?.endsWith('_count') && labels.table === 'service_clients')
    .reduce((sum, { value }) => sum + value, 0)
}

t.test('a client authenticates by header or by form, escaped or not', async (t) => {
  const { clientId, clientSecret, basic } = await newClient(shared)
  t.equal((await ask({ authorization: basic })).status, 200)
  t.equal((await ask({ authorization: basic.replace('Basic', 'bAsIc') })).status, 200, 'schemes have no case')
  t.equal((await ask({}, { client_id: clientId, client_secret: clientSecret })).status, 200)
  const escape = (text: string): string => text.replaceAll('-', '%2D').replaceAll('_', '%5F')
  t.equal(await askAs(escape(clientId), escape(clientSecret)), 200, 'RFC 6749, 2.3.1')
  t.equal((await ask({ authorization: basic }, { client_id: clientId })).status, 200, 'named twice alike')
})

t.test('whoever is refused is refused alike, and told of', async (t) => {
  const { clientId, clientSecret, basic } = await newClient(shared)
  const other = await newClient(shared)
  const ended = await newClient(shared)
  await endServiceClient(db, ended.clientId)
  const refused: [
    reason: string,
    id: string | null,
    options: Parameters<typeof postForm>[3],
    more?: Record<string, string>,
  ][] = [
    ['no_credentials', null, {}],
    ['no_credentials', null, { authorization: '' }],
    ['no_credentials', null, { authorization: 'Basic' }],
    ['no_credentials', null, { authorization: 'Basic !!!!' }],
    ['no_credentials', null, { authorization: `Basic ${Buffer.from('no colon').toString('base64')}` }],
    [
      'no_credentials',
      null,
      { authorization: `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}` },
    ],
    ['no_credentials', null, { authorization: basicOf('%zz', clientSecret) }],
    ['no_credentials', null, { authorization: `Bearer ${clientSecret}` }],
    ['no_credentials', null, { authorization: `${basic}, ${basic}` }],
    ['no_credentials', null, {}, { client_id: clientId }],
    ['no_credentials', null, {}, { client_secret: clientSecret }],
    ['unknown_client', nobody, { authorization: basicOf(nobody, clientSecret) }],
    ['unknown_client', null, { authorization: basicOf(clientSecret, clientSecret) }],
    ['unknown_client', null, { authorization: basicOf(`${clientId}' OR 1=1`, clientSecret) }],
    ['unknown_client', null, { authorization: basicOf('', '') }],
    ['wrong_secret', clientId, { authorization: basicOf(clientId, other.clientSecret) }],
    ['wrong_secret', clientId, { authorization: basicOf(clientId, '') }],
    ['wrong_secret', clientId, { authorization: basicOf(clientId, clientSecret.toLowerCase()) }],
    ['wrong_secret', clientId, { authorization: basicOf(clientId, ` ${clientSecret}`) }],
    ['wrong_secret', clientId, { authorization: basicOf(clientId, `${clientSecret}\0`) }],
    ['wrong_secret', clientId, {}, { client_id: clientId, client_secret: clientSecret.slice(0, -1) }],
    ['client_disabled', ended.clientId, { authorization: ended.basic }],
  ]
  for (const [index, [reason, id, options, more]] of refused.entries()) {
    const ip = `198.51.100.${index}`
    const answer = await ask({ ...options, ip }, more)
    const name = `${reason} ${index}`
    t.equal(answer.status, 401, name)
    t.same(answer.body, {
      error: 'invalid_client',
      error_description: 'The client is not known or its secret is not right',
    })
    t.equal(answer.headers['www-authenticate'], 'Basic realm="latchkey", charset="UTF-8"', name)
    t.equal(answer.headers['cache-control'], 'no-store', name)
    await deps.events.whenIdle()
    const told = (await eventsOf(shared)).filter((event) => event.ip === ip)
    t.match(
      told,
      [{ type: 'client.authentication_failed', severity: 'warning', data: { reason, clientId: id } }],
      name,
    )
    t.equal(told.length, 1, name)
    t.notMatch(JSON.stringify(told), /lks_/)
  }
})

t.test('two ways to authenticate at once are no way', async (t) => {
  const { clientId, clientSecret, basic } = await newClient(shared)
  const both = await ask({ authorization: basic }, { client_id: clientId, client_secret: clientSecret })
  t.match(both, { status: 400, body: { error: 'invalid_request' } })
  t.match(await ask({ authorization: basic }, { client_id: nobody }), {
    status: 400,
    body: { error: 'invalid_request' },
  })
  t.throws(() => readClientCredentials({ authorization: [basic, basic] }), {
    message: /one Authorization header/,
  })
})

t.test('a scope for each endpoint', async (t) => {
  const reader = await newClient(shared, { scopes: ['introspect'] })
  t.equal((await ask({ authorization: reader.basic })).status, 200)
  for (const path of ['/token', '/revoke']) {
    const answer = await postForm(
      shared,
      path,
      { ...form, grant_type: 'client_credentials' },
      { authorization: reader.basic },
    )
    t.match(answer, { status: 400, body: { error: 'unauthorized_client' } }, path)
  }
  const issuer = await newClient(shared, { scopes: ['token'] })
  t.match(await ask({ authorization: issuer.basic }), { status: 400, body: { error: 'unauthorized_client' } })
})

t.test(
  'a secret, a client and its end are known after 4 s, and what was read before is not believed longer',
  async (t) => {
    let now = 0
    const clients = createServiceClients(deps, () => now)
    const failures = createFailedAttempts(deps.limits)
    const origin = { ip: '203.0.113.9', userAgent: null, requestId: 'r', traceId: null }
    const { clientId, clientSecret } = await newClient(shared)
    const outcome = async (secret: string): Promise<string> => {
      const presented = { authorization: [basicOf(clientId, secret)] }
      try {
        await authenticateClient({ ...deps, clients, failures }, presented, 'introspect', origin)
        return 'let in'
      } catch (error) {
        return error instanceof OAuthError ? error.error : String(error)
      }
    }
    t.equal(await outcome(clientSecret), 'let in')
    const second = await rotateClientSecret(db, { id: clientId, keepSeconds: 3600 })
    t.equal(await outcome(second.clientSecret), 'invalid_client', 'not known yet')
    now += 4000
    t.equal(await outcome(second.clientSecret), 'let in')
    t.equal(await outcome(clientSecret), 'let in', 'the one before, too')

    await db`UPDATE service_clients SET previous_secret_expires_at = now() WHERE id = ${clientId}`
    now += 4000
    t.equal(await outcome(clientSecret), 'invalid_client')
    const third = await rotateClientSecret(db, { id: clientId, keepSeconds: 0 })
    now += 4000
    t.equal(await outcome(second.clientSecret), 'invalid_client')
    t.equal(await outcome(third.clientSecret), 'let in')

    await endServiceClient(db, clientId)
    t.equal(await outcome(third.clientSecret), 'let in', 'still believed')
    now += 4000
    t.equal(await outcome(third.clientSecret), 'invalid_client')

    const [row] = await db`DELETE FROM service_clients WHERE id = ${clientId} RETURNING secret_hash`
    now += 4000
    t.equal(await outcome(third.clientSecret), 'invalid_client')
    await db`
    INSERT INTO service_clients (id, name, secret_hash, scopes)
    VALUES (${clientId}, 'back', ${row?.['secretHash'] as Buffer}, '{introspect}')`
    t.equal(await outcome(third.clientSecret), 'invalid_client', 'that nobody has the id is remembered alike')
    now += 4000
    t.equal(await outcome(third.clientSecret), 'let in')
  },
)

t.test('a use is noted at most once a minute, and never waited for', async (t) => {
  let now = 0
  const { clientId } = await newClient(shared)
  const clients = createServiceClients(deps, () => now)
  const lastUsed = async (): Promise<unknown> =>
    (await db`SELECT last_used_at FROM service_clients WHERE id = ${clientId}`)[0]?.['lastUsedAt']
  clients.noteUse(clientId)
  await waitFor(async () => (await lastUsed()) !== null, { what: 'the use to be noted' })
  await db`UPDATE service_clients SET last_used_at = NULL WHERE id = ${clientId}`
  const before = await countReads()
  now = 59_000
  clients.noteUse(clientId)
  t.equal(await countReads(), before)
  now = 61_000
  clients.noteUse(clientId)
  await waitFor(async () => (await lastUsed()) !== null, { what: 'the later use to be noted' })
})

t.test('a disabled client is nobody within 5 s', async (t) => {
  const { clientId, clientSecret } = await newClient(shared)
  t.equal(await askAs(clientId, clientSecret), 200)
  await endServiceClient(db, clientId)
  await waitFor(async () => (await askAs(clientId, clientSecret)) === 401, {
    what: 'the client to be disabled',
    deadlineMs: 5000,
  })
})

t.test('a known client costs no statement, and made-up ids share theirs and are remembered', async (t) => {
  const { clientId } = await newClient(shared)
  const clients = createServiceClients(deps, () => 0)
  t.match(await clients.find(clientId), { id: clientId })
  const before = await countReads()
  await Promise.all(Array.from({ length: 50 }, () => clients.find(clientId)))
  t.equal(await countReads(), before)

  const ids = Array.from(
    { length: 999 },
    (_, index) => `${nobody.slice(0, -3)}${String(index).padStart(3, '0')}`,
  )
  for (let round = 0; round < 2; round += 1) {
    const found = await Promise.all(ids.map((id) => clients.find(id)))
    t.ok(found.every((client) => client === null))
    const more = (await countReads()) - before
    t.ok(more <= 10, `${more} statements for 999 ids in round ${round}`)
  }
  await Promise.all(
    Array.from({ length: 1100 }, (_, index) => clients.find(`${nobody.slice(0, -4)}${1000 + index}`)),
  )
  const after = await countReads()
  t.match(await clients.find(clientId), { id: clientId })
  t.equal(await countReads(), after, 'and no client was pushed out')
})
