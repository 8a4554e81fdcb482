// Attack: a deployment runs with the secret of an example, or with hashes that are cheap to guess.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { leastEnv, problemsOf } from './support/config-problems.js'

const production = { ...leastEnv, NODE_ENV: 'production' }

t.test('example and guessable secrets are refused in production and taken elsewhere', async (t) => {
  const guessable = [
    'change-me-change-me-change-me-change-me',
    'your-secret-key-at-least-32-bytes-long!',
    'super_secret_8f7a6b5c4d3e2f1a0b9c8d7e6f5',
    'latchkey-q8Zr1XvN3kP0sWt7yBm5uJd2hGc9fLa4',
    'a'.repeat(64),
    'abababababababababababababababab',
    '0123456789abcdef0123456789abcdef',
    'abcdefghijklmnopqrstuvwxyz0123456789',
    'q8Zr1XvN3kP0q8Zr1XvN3kP0q8Zr1XvN3kP0',
  ]
  for (const secret of guessable) {
    t.match(problemsOf({ ...production, AUTH_SECRET: secret }), [/^AUTH_SECRET is an example/], secret)
    t.match(problemsOf({ ...production, AUTH_SECRET_PREVIOUS: secret }), [
      /^AUTH_SECRET_PREVIOUS is an example/,
    ])
    t.match(problemsOf({ ...production, PASSWORD_PEPPER: secret }), [/^PASSWORD_PEPPER is an example/])
    t.same(problemsOf({ ...leastEnv, AUTH_SECRET: secret }), [])
  }
  t.match(problemsOf({ ...production, METRICS_TOKEN: 'change-me-change-me' }), [
    /^METRICS_TOKEN is an example/,
  ])
})

t.test('random secrets of every usual spelling are taken', async (t) => {
  for (let round = 0; round < 500; round += 1) {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const secret = randomBytes(24).toString(encoding)
      t.same(problemsOf({ ...production, AUTH_SECRET: secret, METRICS_TOKEN: secret.slice(0, 16) }), [])
    }
  }
})

t.test('more failures in a row than NIST allows are refused in production', async (t) => {
  t.match(problemsOf({ ...production, LOCKOUT_AFTER: '101' }), [/^LOCKOUT_AFTER must be at most 100/])
  t.same(problemsOf({ ...production, LOCKOUT_AFTER: '100' }), [])
  t.same(problemsOf({ ...leastEnv, NODE_ENV: 'test', LOCKOUT_AFTER: '101' }), [])
})

t.test('weaker hashing than OWASP asks for is refused in production and taken in tests', async (t) => {
  const weak = { ARGON2_MEMORY_KIB: '19455', ARGON2_TIME: '1' }
  t.match(problemsOf({ ...production, ...weak }), [
    /^ARGON2_MEMORY_KIB must be at least 19456/,
    /^ARGON2_TIME must be at least 2/,
  ])
  t.same(problemsOf({ ...leastEnv, NODE_ENV: 'test', ...weak }), [])
})

t.test('a look-up that anyone on the way can answer is refused in production', async (t) => {
  const plain = { PASSWORD_BREACH_CHECK_URL: 'http://mirror.example/range/' }
  t.match(problemsOf({ ...production, ...plain }), [/^PASSWORD_BREACH_CHECK_URL must be https/])
  t.same(problemsOf({ ...leastEnv, ...plain }), [])
  for (const PASSWORD_BREACH_CHECK_URL of ['https://mirror.example/range/', 'http://127.0.0.1:9000/range/'])
    t.same(problemsOf({ ...production, PASSWORD_BREACH_CHECK_URL }), [])
})

t.test('cookies that browsers would drop are refused in production', async (t) => {
  const cookies = { ...production, USE_COOKIE_SESSIONS: 'true' }
  t.match(problemsOf({ ...cookies, PUBLIC_URL: 'http://auth.example.com' }), [/^PUBLIC_URL must be https/])
  for (const PUBLIC_URL of [
    'https://auth.example.com',
    'http://localhost:8000',
    'http://127.0.0.1:8000',
    'http://[::1]:8000',
  ])
    t.same(problemsOf({ ...cookies, PUBLIC_URL }), [])
  t.same(problemsOf(cookies), [], 'where PUBLIC_URL is this machine')
  t.same(problemsOf({ ...production, PUBLIC_URL: 'http://auth.example.com' }), [], 'bearers need no cookie')
})

t.test('production asks somebody for a second factor', async (t) => {
  t.same(problemsOf({ ...production, REQUIRE_MFA: 'none' }), [
    'REQUIRE_MFA must name admins or everyone in production',
  ])
  t.same(problemsOf({ ...production, REQUIRE_MFA: 'everyone' }), [])
  t.same(problemsOf({ ...leastEnv, NODE_ENV: 'test', REQUIRE_MFA: 'none' }), [])
})
