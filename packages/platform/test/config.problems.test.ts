// Attack: a start that fails tells its settings to whoever reads the log.
import t from 'tap'
import { ConfigError, loadConfig } from '@latchkey/platform/config/config'
import { describeConfig } from '@latchkey/platform/config/describe-config'
import { leastEnv, load, problemsOf } from './support/config-problems.js'

t.test('all problems are told at once, each naming its setting', async (t) => {
  const problems = problemsOf({
    NODE_ENV: 'production',
    AUTH_SECRET: 'change-me-change-me-change-me-change-me',
    PORT: 'x',
    ACCESS_TOKEN_TTL: '0s',
    REFRESH_TTL: '10d',
    SESSION_MAX_AGE: '1d',
    METRICS_TOKEN: '',
    ARGON2_TIME: '1',
  })
  t.same(
    problems.map((problem) => problem.split(' ')[0]).toSorted(alphabetically),
    [
      'ACCESS_TOKEN_TTL',
      'ARGON2_TIME',
      'AUTH_SECRET',
      'DATABASE_URL',
      'METRICS_TOKEN',
      'PORT',
      'REFRESH_TTL',
    ].toSorted(alphabetically),
  )
  const error = t.throws(() => loadConfig({}), ConfigError)
  t.match(error, {
    message: /AUTH_SECRET is required\n.*DATABASE_URL \(or DATABASE_URL_SESSION\) is required/,
  })
})

t.test('a value is quoted, cut and escaped, unless it is a secret', async (t) => {
  t.match(problemsOf({ ...leastEnv, PORT: `8\n[fatal] ${'x'.repeat(200)}` }), [/not "8\\n\[fatal\] x{70}"$/])

  const canary = 'CANARY'
  const secrets = {
    AUTH_SECRET: canary,
    AUTH_SECRET_PREVIOUS: canary,
    PASSWORD_PEPPER: canary,
    PASSWORD_PEPPER_PREVIOUS: canary,
    FIREBASE_SIGNER_KEY: canary,
    DATABASE_URL: `mysql://u:${canary}@h/db`,
    DATABASE_URL_TRANSACTION: `mysql://u:${canary}@h/db`,
    REDIS_URL: `http://u:${canary}@h`,
    METRICS_TOKEN: canary,
    MAIL_URL: `smtp://u:${canary}@h:25?tls=off`,
  }
  const problems = problemsOf(secrets)
  t.equal(problems.length, Object.keys(secrets).length)
  t.notMatch(problems.join('\n'), canary)
})

t.test('settings that contradict each other are refused', async (t) => {
  const contradictions: [NodeJS.ProcessEnv, RegExp][] = [
    [{ AUTH_SECRET_PREVIOUS: leastEnv.AUTH_SECRET }, /^AUTH_SECRET_PREVIOUS must differ/],
    [{ PASSWORD_PEPPER: leastEnv.AUTH_SECRET }, /^PASSWORD_PEPPER must differ from AUTH_SECRET/],
    [
      { PASSWORD_PEPPER: 'p'.repeat(32), PASSWORD_PEPPER_PREVIOUS: 'p'.repeat(32) },
      /^PASSWORD_PEPPER_PREVIOUS must differ/,
    ],
    [{ ACCESS_TOKEN_TTL: '2h', REFRESH_TTL: '1h' }, /^ACCESS_TOKEN_TTL must not be longer/],
    [{ REFRESH_TTL: '31d' }, /^REFRESH_TTL must not be longer/],
    [{ ADMIN_REFRESH_TTL: '13h' }, /^ADMIN_REFRESH_TTL must not be longer than ADMIN_SESSION_MAX_AGE/],
    [
      { REFRESH_GRACE_SECONDS: '20', REFRESH_RECOVERY_SECONDS: '10' },
      /^REFRESH_GRACE_SECONDS must not be longer/,
    ],
    [{ LOCKOUT_DURATION: '2h', LOCKOUT_MAX: '1h' }, /^LOCKOUT_DURATION must not be longer than LOCKOUT_MAX/],
  ]
  for (const [env, problem] of contradictions) t.match(problemsOf({ ...leastEnv, ...env }), [problem])
})

t.test('a computed default brings no second problem for one mistake', async (t) => {
  t.match(problemsOf({ ...leastEnv, PORT: 'x' }), [/^PORT /])
  t.match(problemsOf({ ...leastEnv, PUBLIC_URL: 'x' }), [/^PUBLIC_URL /])
})

t.test('the session URL wins over the general one, and is the default of the transaction URL', async (t) => {
  const session = 'postgres://lk@direct/lk'
  t.match(load({ DATABASE_URL_SESSION: session }), { databaseUrl: session, databaseUrlTransaction: session })
  t.match(problemsOf({ ...leastEnv, DATABASE_URL_SESSION: 'x' }), [/^DATABASE_URL_SESSION /])
})

t.test('the start-up summary shows settings, and of secrets only whether they are set', async (t) => {
  const summary = describeConfig(
    load({ METRICS_TOKEN: 'CANARY-CANARY-CANARY', REDIS_URL: 'redis://:CANARY@h' }),
  )
  t.match(summary, {
    authSecret: 'set',
    metricsToken: 'set',
    redisUrl: 'set',
    authSecretPrevious: 'unset',
    port: 8000,
  })
  t.notMatch(JSON.stringify(summary), /CANARY|postgres/)
})

t.test('readable logs are the default on a terminal outside production', async (t) => {
  const terminal = { cores: 1, isTerminal: true }
  t.equal(loadConfig(leastEnv, terminal).logPretty, true)
  t.equal(loadConfig({ ...leastEnv, NODE_ENV: 'production' }, terminal).logPretty, false)
  t.equal(loadConfig(leastEnv, terminal).hashConcurrency, 1, 'and one core still hashes')
})

function alphabetically(one: string | undefined, other: string | undefined): number {
  return (one ?? '').localeCompare(other ?? '')
}
