import { randomBytes } from 'node:crypto'
import type { TestScope } from './private-servers.js'

/** Keeps the keys of tests that share a Redis apart. */
export function redisPrefix(t: Pick<TestScope, 'name'>): string {
  const name = t.name.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(-32)
  return `test:${name}:${randomBytes(6).toString('hex')}:`
}
