import { randomBytes } from 'node:crypto'

/** Generous, so that a test meets a limit only when it asks for one. */
const limits = {
  LIMIT_LOGIN_ACCOUNT: '100000/15m',
  LIMIT_LOGIN_ADDRESS: '100000/15m',
  LIMIT_REFRESH_SESSION: '100000/15m',
  LIMIT_REGISTER_ADDRESS: '100000/15m',
  LIMIT_RESET_ACCOUNT: '100000/15m',
  LIMIT_RESET_ADDRESS: '100000/15m',
  LIMIT_MFA_CHALLENGE: '100000/15m',
  LIMIT_GENERAL_ADDRESS: '1000000/15m',
  LIMIT_CLIENT_ADDRESS: '1000000/15m',
  LOCKOUT_AFTER: '100000',
}

/** The environment of an api under test; `undefined` unsets. Hashes are cheap: what they cost is the matter of their own tests. */
export function testEnv(overrides: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    AUTH_SECRET: randomBytes(32).toString('base64url'),
    LOG_LEVEL: 'silent',
    LOG_PRETTY: 'false',
    ARGON2_MEMORY_KIB: '1024',
    ARGON2_TIME: '1',
    HASH_QUEUE_MAX: '10000',
    ...limits,
    ...overrides,
  }
}

/** The Redis that tests share, each under a prefix of its own. */
export function sharedRedisUrl(): string {
  const url = process.env['LATCHKEY_TEST_REDIS_URL']
  if (url === undefined) throw new Error('LATCHKEY_TEST_REDIS_URL is not set: npm test sets it')
  return url
}
