// Attack: a secret in a log file outlives its session and is read by more people than the database.
import { AppError } from '@latchkey/contracts/errors'
import t from 'tap'
import { captureLog } from './support/log-lines.js'

const canary = 'CANARY'
const secretNames = [
  'password',
  'currentPassword',
  'newPassword',
  'password_hash',
  'token',
  'accessToken',
  'refreshToken',
  'refresh_token',
  'X-CSRF-Token',
  'AUTH_TOKEN',
  'authorization',
  'Authorization',
  'cookie',
  'set-cookie',
  'cookies',
  'code',
  'recoveryCodes',
  'totp',
  'secret',
  'clientSecret',
  'AUTH_SECRET',
  'privateKeyPem',
  'api_key',
  'credential',
  'Idempotency-Key',
  'headers',
  'body',
  'query',
  'parameters',
  'args',
]

t.test('no secret name shows its value, at any depth, in fields, lists, children and errors', async (t) => {
  for (const name of secretNames) {
    const { log, text } = captureLog()
    const secret = { [name]: canary }
    log.info(secret, 'flat')
    log.info({ a: secret, b: { c: secret }, d: [{ e: [secret] }], f: { g: { h: { i: secret } } } }, 'deep')
    log.info({ [name]: { inner: canary } }, 'object')
    log.info({ [name]: [canary] }, 'list')
    log.child(secret).child({ nested: secret }).warn('child')
    if (name !== 'code') {
      // An error's code is an identifier by convention, and what an operator looks for first.
      const inner = Object.assign(new Error('inner'), secret)
      log.error(Object.assign(new Error('failed', { cause: inner }), secret))
      log.error({ err: new AggregateError([inner], 'several') })
    }
    t.notMatch(text(), canary, name)
    t.match(text(), '[redacted]', name)
  }
})

t.test('what looks like a secret does not show, wherever it was written', async (t) => {
  const { log, text } = captureLog()
  const refreshToken = `lk1.${'A'.repeat(76)}`
  const accessToken = `eyJhbGciOiJFUzI1NiJ9.${canary}.${canary}`
  log.info(`refused ${refreshToken}`)
  log.info('refused %s', accessToken)
  log.info(`refused lks_${canary}${'A'.repeat(30)}`)
  log.info({ note: `sent lkl_${canary}${'A'.repeat(30)}` })
  log.info({ note: `Basic ${Buffer.from(`client:lks_${canary}`).toString('base64')}` })
  log.info({ note: [`Bearer ${canary}`, `BEARER ${canary}`, `postgres://lk:${canary}@db/lk`] })
  log.error(new Error(`cannot reach redis://:${canary}@cache:6379`))
  log.child({ note: refreshToken }).info(new URL(`https://u:${canary}@h/p?x=${canary}`).href)
  t.notMatch(text(), canary)
  t.notMatch(text(), 'AAAA')
  t.notMatch(text(), Buffer.from('client:lks_').toString('base64').slice(0, 12))
  t.match(text(), 'postgres://lk:[redacted]@db/lk', 'and the rest of the address stays')
})

t.test('what an error of a driver carries along stays behind, and what helps is kept', async (t) => {
  const { log, text, lines } = captureLog()
  const cause = Object.assign(new Error('duplicate key value violates unique constraint "users_email_key"'), {
    code: '23505',
    severity: 'ERROR',
    constraint_name: 'users_email_key',
    table_name: 'users',
    detail: `Key (email)=(${canary}) already exists.`,
    where: canary,
    query: `INSERT INTO users VALUES ('${canary}')`,
    parameters: [canary],
    args: [canary],
    command: { name: 'set', args: [canary] },
  })
  log.error(
    { err: new AppError('internal_error', 'Something broke', { cause }), requestId: 'r1' },
    'request failed',
  )
  t.notMatch(text(), canary)
  t.match(lines(), [
    {
      level: 'error',
      requestId: 'r1',
      msg: 'request failed',
      err: {
        type: 'AppError',
        code: 'internal_error',
        status: 500,
        message: 'Something broke',
        stack: /logging\.redaction\.test/,
        cause: {
          type: 'Error',
          code: '23505',
          constraint_name: 'users_email_key',
          table_name: 'users',
          command: 'set',
          stack: /duplicate key/,
        },
      },
    },
  ])
})

t.test('what is no secret is kept', async (t) => {
  const { log, lines } = captureLog()
  const fields = {
    statusCode: 404,
    exitCode: 78,
    errorCode: 'x',
    code: 'rate_limited',
    tokens: 12,
    hasPassword: true,
    token: null,
    authSecret: 'set',
    count: 3,
    at: new Date(0),
  }
  log.info({
    ...fields,
    big: 9n,
    url: 'https://h/p?q=1#f',
    path: '/p?q=1',
    target: new URL('https://h/p?q=1'),
  })
  const { time: _, level: __, service: ___, ...kept } = lines()[0] ?? {}
  t.same(kept, {
    ...fields,
    at: '1970-01-01T00:00:00.000Z',
    big: '9',
    url: 'https://h/p',
    path: '/p',
    target: 'https://h/p',
  })
})

t.test('binary, circular, endless and hostile objects neither throw nor flood', async (t) => {
  const { log, text, lines } = captureLog()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, { v: index }]))
  const hostile = {
    get explodes(): string {
      throw new Error('no')
    },
  }
  let deep = new Error('bottom')
  for (let level = 0; level < 100; level += 1) deep = new Error(`level ${level}`, { cause: deep })
  log.info({ key: Buffer.from(canary), circular, wide, hostile, list: Array(5000).fill(1), err: deep })
  log.info(hostile, 'still logged')
  t.notMatch(text(), canary)
  t.match(lines(), [
    { key: '[6 bytes]', hostile: '[cut]' },
    { explodes: '[cut]', msg: 'still logged' },
  ])
  t.ok(text().length < 60_000, `${text().length} characters`)
})
