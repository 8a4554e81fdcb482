// Attack: a setting that means something else than its author thought (1e9, 0x10, TRUE, a hop count) opens a door quietly.
import t from 'tap'
import { defaultActions } from '@latchkey/contracts/alerts'
import { leastEnv, load, problemsOf } from './support/config-problems.js'

t.test('defaults are the documented ones', async (t) => {
  t.match(load(), {
    port: 8000,
    workerPort: 8001,
    host: '127.0.0.1',
    nodeEnv: 'development',
    publicUrl: 'http://localhost:8000',
    issuer: 'http://localhost:8000',
    databaseUrlTransaction: leastEnv.DATABASE_URL,
    redisUrl: null,
    accessTokenTtlSeconds: 900,
    refreshTtlSeconds: 604_800,
    sessionMaxAgeSeconds: 2_592_000,
    refreshGraceSeconds: 10,
    refreshRecoverySeconds: 300,
    limitLoginAccount: { max: 10, windowSeconds: 900 },
    hashConcurrency: 3,
    tokenCleanupIntervalMs: 3_600_000,
    trustProxy: [],
    allowedOrigins: [],
    logPretty: false,
  })
  t.ok(Object.isFrozen(load()))
})

const accepted: [name: string, text: string, key: keyof ReturnType<typeof load>, value: unknown][] = [
  ['PORT', '0', 'port', 0],
  ['ACCESS_TOKEN_TTL', '90s', 'accessTokenTtlSeconds', 90],
  ['REFRESH_TTL', '12h', 'refreshTtlSeconds', 43_200],
  ['LIMIT_REFRESH_SESSION', '3/1h', 'limitRefreshSession', { max: 3, windowSeconds: 3600 }],
  ['LOG_PRETTY', 'true', 'logPretty', true],
  ['USE_COOKIE_SESSIONS', 'true', 'useCookieSessions', true],
  ['REQUIRE_MFA', 'admins', 'requireMfa', { admins: true, everyone: false, userTypes: [] }],
  ['REQUIRE_MFA', 'everyone', 'requireMfa', { admins: true, everyone: true, userTypes: [] }],
  ['REQUIRE_MFA', 'none', 'requireMfa', { admins: false, everyone: false, userTypes: [] }],
  [
    'REQUIRE_MFA',
    'admins, teacher,head-teacher',
    'requireMfa',
    { admins: true, everyone: false, userTypes: ['teacher', 'head-teacher'] },
  ],
  ['MFA_REMEMBER_TTL', '0', 'mfaRememberTtlSeconds', 0],
  ['MFA_REMEMBER_TTL', '1h', 'mfaRememberTtlSeconds', 3600],
  ['HOST', '::1', 'host', '::1'],
  ['HOST', 'auth.internal', 'host', 'auth.internal'],
  ['TRUST_PROXY', '10.0.0.0/8, ::1,192.168.1.7', 'trustProxy', ['10.0.0.0/8', '::1', '192.168.1.7']],
  [
    'ALLOWED_ORIGINS',
    'https://a.example,http://localhost:3000',
    'allowedOrigins',
    ['https://a.example', 'http://localhost:3000'],
  ],
  [
    'OUTBOUND_ALLOWED_NETWORKS',
    '10.20.0.0/16, fd00::/8,127.0.0.1',
    'outboundAllowedNetworks',
    ['10.20.0.0/16', 'fd00::/8', '127.0.0.1'],
  ],
  ['ISSUER', 'https://auth.example/tenant', 'issuer', 'https://auth.example/tenant'],
  ['REDIS_URL', 'rediss://:pw@cache:6380/1', 'redisUrl', 'rediss://:pw@cache:6380/1'],
  ['DATABASE_URL', 'postgresql://lk@%2Fvar%2Frun/lk', 'databaseUrl', 'postgresql://lk@%2Fvar%2Frun/lk'],
  ['DB_SSL', 'verify-full', 'dbSsl', 'verify-full'],
  ['DETECTION_ACTIONS', 'default', 'detectionActions', defaultActions],
  [
    'DETECTION_ACTIONS',
    'brute-force=lock+mail_owner, export-burst=off,mfa-fatigue=alert',
    'detectionActions',
    {
      ...defaultActions,
      'brute-force': ['mail_owner', 'lock'],
      'export-burst': null,
      'mfa-fatigue': [],
    },
  ],
  [
    'ALERT_MAIL_TO',
    'ops@example.com, night@example.com',
    'alertMailTo',
    ['ops@example.com', 'night@example.com'],
  ],
]
for (const [name, text, key, value] of accepted) {
  t.test(`${name}=${text} is taken`, async (t) => t.same(load({ [name]: text })[key], value))
}

const refused: Record<string, string[]> = {
  PORT: ['65536', '-1', '80.5', '1e3', '0x50', ' 8000', '8000 ', '08000', 'http', '٨٠٠٠'],
  DB_POOL_MAX: ['0', '1001', '1e9', 'Infinity', 'NaN', '10;'],
  TOKEN_CLEANUP_INTERVAL_MS: ['0', '999', '1h'],
  ARGON2_MEMORY_KIB: ['0', '99999999'],
  HASH_CONCURRENCY: ['0', '65'],
  PASSWORD_MIN_LENGTH: ['7', '0', '65'],
  PASSWORD_BREACH_CHECK_URL: [
    'https://api.example/range',
    'https://api.example/range/?a=b/',
    'https://u:p@api.example/range/',
    'ftp://api.example/range/',
    'api.example/range/',
  ],
  PASSWORD_PEPPER: ['x'.repeat(31)],
  FIREBASE_SIGNER_KEY: ['x'.repeat(64), `${'A'.repeat(85)}*`, Buffer.alloc(63).toString('base64')],
  ACCESS_TOKEN_TTL: ['0s', '0', '900', '15', '15 m', '1.5h', '-15m', '15M', '25h', 'constructor'],
  REFRESH_TTL: ['0d', '1w', '400d'],
  REFRESH_GRACE_SECONDS: ['61', '10s'],
  LOCKOUT_AFTER: ['0', '-1', '1e1', 'never'],
  LOCKOUT_DURATION: ['0s', '25h', '900'],
  LOCKOUT_MAX: ['0s', '8d'],
  LIMIT_LOGIN_ACCOUNT: ['10', '0/15m', '10/0s', '10/15', '10/15m/1', '/15m', '10/', '1e3/15m', '10/25h'],
  LOG_PRETTY: ['TRUE', 'yes', '1', 'off', 'true '],
  USE_COOKIE_SESSIONS: ['TRUE', 'yes', '1', 'on', ' true'],
  REQUIRE_MFA: [
    'teacher',
    'none,teacher',
    'admins,none',
    'everyone,teacher',
    'admins,,teacher',
    'admins,admins',
    'admins;teacher',
    'true',
  ],
  MFA_REMEMBER_TTL: ['0s', '00', '-1d', '30', '59m', '366d', 'off'],
  DETECTION_ACTIONS: [
    'brute-force',
    'brute-force=',
    'brute-force=lock=lock',
    'brute-force=off+lock',
    'brute-force=Lock',
    'brute-force=lock;export-burst=off',
    'brute-force=lock,brute-force=off',
    'constructor=off',
    'default,brute-force=off',
    'brute-force=lock,',
  ],
  ALERT_MAIL_TO: ['ops', 'Ops <ops@example.com>', 'ops@example.com,', 'ops@example.com;night@example.com'],
  NODE_ENV: ['prod', 'Production', 'staging'],
  SIGNING_ALGORITHM: ['RS256', 'none', 'es256', 'HS256'],
  REFRESH_DURABILITY: ['off'],
  TRUST_PROXY: [
    '1',
    'true',
    '*',
    'loopback',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.1,',
    '10.0.0.0/08',
  ],
  ALLOWED_ORIGINS: [
    '*',
    'null',
    'https://*.example',
    'https://a.example/',
    'https://a.example/app',
    'a.example',
    'https://A.example',
    'https://a.example:443',
    'https://u@a.example',
    'ftp://a.example',
    'https://a.example,,https://b.example',
    'none,https://a.example',
  ],
  ISSUER: [
    'auth.example',
    'https://auth.example/',
    'https://auth.example?x',
    'https://auth.example#x',
    'https://u:p@auth.example',
    'ftp://auth.example',
    ' https://auth.example',
    'https://auth.example/a b',
  ],
  HOST: ['', '-x', '256.0.0.1', 'a b', '0.0.0.0:80'],
  DB_SSL: ['true', 'on', 'verify-ca'],
  DATABASE_URL: [
    'mysql://h/db',
    'postgres://h/db',
    'postgres://lk@h/db?passfile=x',
    'postgres:///db',
    '127.0.0.1:5432',
  ],
  REDIS_URL: ['http://cache', 'redis:', 'cache:6379', 'sentinel://cache'],
  REDIS_KEY_PREFIX: ['a b', 'ü:', 'x'.repeat(65)],
  METRICS_TOKEN: ['short', 'fifteen-letters', 'has a space in it', 'x'.repeat(513)],
  AUTH_SECRET: ['x'.repeat(31), 'é'.repeat(15)],
  OUTBOUND_ALLOWED_NETWORKS: [
    '',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    '10.0.0.0/08',
    'internal',
    'fe80::1%eth0',
    '10.0.0.0/8,',
  ],
}
for (const [name, texts] of Object.entries(refused)) {
  t.test(`${name} refuses what it cannot mean`, async (t) => {
    for (const text of texts) {
      const problems = problemsOf({ ...leastEnv, [name]: text })
      t.equal(problems.length, 1, `${JSON.stringify(text)}: ${problems.join('; ')}`)
      t.match(problems[0], new RegExp(`^${name} `), 'the setting is named')
    }
  })
}

t.test('passkeys are for the public domain, and for the pages in it', async (t) => {
  const relyingParty = (env: Record<string, string>) => {
    const { webauthnRpId: id, webauthnRpName: name, webauthnOrigins: origins } = load(env)
    return { id, name, origins }
  }
  const local = { id: 'localhost', name: 'localhost', origins: ['http://localhost:8000'] }
  t.same(relyingParty({}), local)
  t.same(relyingParty({ PUBLIC_URL: 'http://127.0.0.1:8000' }), local, 'an address is none')
  t.same(relyingParty({ PUBLIC_URL: 'http://[::1]:8000' }), local)
  const site = {
    PUBLIC_URL: 'https://auth.example.com/base',
    ALLOWED_ORIGINS: 'https://app.example.com,https://evilexample.com,https://example.com',
  }
  const id = 'auth.example.com'
  t.same(relyingParty(site), { id, name: id, origins: ['https://auth.example.com'] })
  t.same(relyingParty({ ...site, WEBAUTHN_RP_ID: 'example.com', WEBAUTHN_RP_NAME: 'Example' }), {
    id: 'example.com',
    name: 'Example',
    origins: ['https://auth.example.com', 'https://app.example.com', 'https://example.com'],
  })
  const app = `android:apk-key-hash:${'A'.repeat(43)}`
  const listed = { WEBAUTHN_RP_ID: 'example.com', WEBAUTHN_ORIGINS: `https://example.com, ${app}` }
  t.same(relyingParty({ ...site, ...listed }).origins, ['https://example.com', app])

  const wrong = (env: Record<string, string>) => problemsOf({ ...leastEnv, ...site, ...env })
  for (const WEBAUTHN_RP_ID of [
    'Example.com',
    'https://example.com',
    '192.0.2.1',
    '[::1]',
    'example.com:8',
    '-a.com',
    'a..b',
    ' ',
  ])
    t.match(wrong({ WEBAUTHN_RP_ID }), [/^WEBAUTHN_RP_ID must be a domain/], WEBAUTHN_RP_ID)
  for (const WEBAUTHN_ORIGINS of [
    'https://auth.example.com/',
    '*',
    'null',
    'android:apk-key-hash:short',
    'auth.example.com',
  ])
    t.match(wrong({ WEBAUTHN_ORIGINS }), [/^WEBAUTHN_ORIGINS must list exact origins/], WEBAUTHN_ORIGINS)
  for (const WEBAUTHN_ORIGINS of [
    'https://example.com',
    'https://xauth.example.com',
    'https://auth.example.com.evil.test',
  ])
    t.match(wrong({ WEBAUTHN_ORIGINS }), [/^WEBAUTHN_ORIGINS must be in the domain/], WEBAUTHN_ORIGINS)
  t.match(wrong({ WEBAUTHN_RP_ID: 'other.test' }), [/^WEBAUTHN_ORIGINS must be in the domain/])
  t.match(wrong({ WEBAUTHN_RP_NAME: 'two\nlines' }), [/^WEBAUTHN_RP_NAME must be/])
  t.match(wrong({ PUBLIC_URL: 'x' }), [/^PUBLIC_URL /], 'which is told once')
})
