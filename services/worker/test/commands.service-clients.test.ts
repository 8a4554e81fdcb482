/** What an operator and a script see when they make, list, change and end service clients; the secret is shown once and never kept. */
// Alone: it starts servers and processes of its own.
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { runProgram, type EndedProcess } from './support/worker-process.js'

const { url, owner: db } = await createTestDatabase(t)
const secretShape = /^lks_[\w-]{43}$/

const run = (t: Test, command: string, ...args: string[]): Promise<EndedProcess> =>
  runProgram(t, `dist/commands/${command}.js`, { DATABASE_URL: url }, args)

interface Credentials {
  clientId: string
  clientSecret: string
}
const credentialsOf = ({ stdout }: EndedProcess): Credentials => JSON.parse(stdout) as Credentials
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

async function create(t: Test, ...args: string[]): Promise<Credentials> {
  const ended = await run(t, 'create-service-client', ...args)
  t.equal(ended.stderr, '')
  t.equal(ended.code, 0)
  return credentialsOf(ended)
}

async function eventsOf(clientId: string): Promise<unknown[]> {
  const rows = await db<{ type: string; severity: string; data: Record<string, unknown> }[]>`
    SELECT type, severity, data FROM outbox WHERE data->>'clientId' = ${clientId} ORDER BY id`
  return rows.map(({ type, severity, data }) => ({ type, severity, data }))
}

t.test('clients:create prints id and secret as JSON into a pipe, and keeps a hash', async (t) => {
  const { clientId, clientSecret } = await create(t, '--name', 'orders api')
  t.match(clientSecret, secretShape)
  const [row] = await db`SELECT * FROM service_clients WHERE id = ${clientId}`
  t.match(row, {
    name: 'orders api',
    audience: null,
    scopes: ['introspect', 'revoke', 'token'],
    disabledAt: null,
  })
  t.same(row?.['secretHash'], sha256(clientSecret))
  t.notMatch(JSON.stringify(row), clientSecret)
  t.match(await eventsOf(clientId), [
    {
      type: 'client.created',
      severity: 'notice',
      data: { name: 'orders api', scopes: ['introspect', 'revoke', 'token'] },
    },
  ])
  t.notMatch(JSON.stringify(await eventsOf(clientId)), /lks_|secret/i)
})

t.test('audience and scopes are those that were given', async (t) => {
  const { clientId } = await create(
    t,
    '--name',
    'mailer',
    '--audience',
    'https://mail.example',
    '--scopes',
    'token,mail:send',
    '--json',
  )
  const [row] = await db`SELECT audience, scopes FROM service_clients WHERE id = ${clientId}`
  t.same({ ...row }, { audience: 'https://mail.example', scopes: ['token', 'mail:send'] })
})

t.test('a name that is taken, and bad arguments: one line, and no client', async (t) => {
  await create(t, '--name', 'taken')
  const [before] = await db<{ count: number }[]>`SELECT count(*)::int FROM service_clients`
  const refused: [args: string[], code: number, line: RegExp][] = [
    [['--name', 'taken'], 1, /the name taken is taken/],
    [[], 64, /--name is missing; usage: npm run clients:create -- --name N/],
    [['--name', 'a', '--name', 'b'], 64, /--name is given twice/],
    [['--name', 'a', '--scope', 'b'], 64, /--scope/],
  ]
  const ended = await Promise.all(refused.map(([args]) => run(t, 'create-service-client', ...args)))
  for (const [index, [args, code, line]] of refused.entries()) {
    const name = args.join(' ')
    t.match(ended[index], { code, stdout: '', stderr: line }, name)
    t.match(ended[index]?.stderr, /^clients:create: [^\n]+\n$/, `${name}: one line`)
  }
  const [after] = await db<{ count: number }[]>`SELECT count(*)::int FROM service_clients`
  t.same(after, before)
})

t.test('clients:list tells everything but the secret', async (t) => {
  const { clientId, clientSecret } = await create(t, '--name', 'listed')
  const { code, stdout } = await run(t, 'list-service-clients')
  t.equal(code, 0)
  const listed = JSON.parse(stdout) as { clientId: string }[]
  const fields = [
    'audience',
    'clientId',
    'createdAt',
    'disabledAt',
    'lastUsedAt',
    'name',
    'previousSecretExpiresAt',
    'scopes',
  ]
  t.same(Object.keys(listed.find((client) => client.clientId === clientId) ?? {}).toSorted(), fields)
  t.notMatch(stdout, clientSecret)
  t.notMatch(stdout, sha256(clientSecret).toString('hex'))
})

t.test(
  'clients:rotate-secret gives a new secret, and keeps the one before as long as it was told',
  async (t) => {
    const { clientId, clientSecret } = await create(t, '--name', 'rotated')
    const first = credentialsOf(await run(t, 'rotate-client-secret', '--id', clientId))
    t.equal(first.clientId, clientId)
    t.match(first.clientSecret, secretShape)
    const rowOf = async (): Promise<Record<string, unknown>> => {
      const [row] = await db`
      SELECT secret_hash, previous_secret_hash, round(extract(epoch FROM previous_secret_expires_at - now()))::int AS left
      FROM service_clients WHERE id = ${clientId}`
      return { ...row }
    }
    const kept = await rowOf()
    t.same(kept['secretHash'], sha256(first.clientSecret))
    t.same(kept['previousSecretHash'], sha256(clientSecret))
    t.ok(Math.abs(Number(kept['left']) - 86_400) < 60, '24 h unless told otherwise')

    const second = credentialsOf(await run(t, 'rotate-client-secret', '--id', clientId, '--keep', '0s'))
    t.same(await rowOf(), { secretHash: sha256(second.clientSecret), previousSecretHash: null, left: null })
    t.match(await eventsOf(clientId), [
      { type: 'client.created' },
      { type: 'client.secret_rotated' },
      { type: 'client.secret_rotated' },
    ])
    t.match(await run(t, 'rotate-client-secret', '--id', clientId, '--keep', '1y'), {
      code: 64,
      stderr: /--keep must be a duration/,
    })
  },
)

t.test('clients:disable ends a client for good', async (t) => {
  const { clientId } = await create(t, '--name', 'ended')
  t.match(await run(t, 'disable-service-client', '--id', clientId), { code: 0, stdout: /^disabled ended/ })
  t.match(await eventsOf(clientId), [
    { type: 'client.created' },
    { type: 'client.disabled', severity: 'warning' },
  ])
  const [row] =
    await db`SELECT disabled_at IS NOT NULL AS is_disabled FROM service_clients WHERE id = ${clientId}`
  t.same({ ...row }, { isDisabled: true })
  const noSuch = {
    code: 1,
    stdout: '',
    stderr: /there is no service client with this id, or it is disabled\n$/,
  }
  t.match(await run(t, 'disable-service-client', '--id', clientId), noSuch)
  t.match(await run(t, 'disable-service-client', '--id', 'mine'), {
    code: 64,
    stderr: /--id must be a client id/,
  })
})

t.test('PostgreSQL away is said in one line', async (t) => {
  const ended = await runProgram(t, 'dist/commands/list-service-clients.js', {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
  })
  t.match(ended, { code: 75, stdout: '', stderr: /^clients:list: PostgreSQL is away: .+\n$/ })
})
