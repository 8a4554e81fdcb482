import { randomBytes } from 'node:crypto'

/** The environment of a worker under test. */
export function workerEnv(overrides: Readonly<Record<string, string>>): Record<string, string> {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    WORKER_PORT: '0',
    AUTH_SECRET: randomBytes(32).toString('base64url'),
    LOG_LEVEL: 'info',
    LOG_PRETTY: 'false',
    ...overrides,
  }
}

/** The Redis that tests share, each under a prefix of its own. */
export function sharedRedisUrl(): string {
  const url = process.env['LATCHKEY_TEST_REDIS_URL']
  if (url === undefined) throw new Error('LATCHKEY_TEST_REDIS_URL is not set: npm test sets it')
  return url
}
