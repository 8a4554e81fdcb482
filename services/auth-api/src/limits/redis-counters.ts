import { createHash } from 'node:crypto'
import type { RedisHandle } from '@latchkey/platform/redis/client'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import { Type } from 'typebox'
import type { Hit } from './limits.js'

// One round trip, atomic: a counter cannot be left without its expiry, and a key that has lost it gets it back.
const script = `
local count = redis.call('INCR', KEYS[1])
local left = count > 1 and redis.call('PTTL', KEYS[1]) or -1
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}`
const answerSchema = compileSchema(Type.Tuple([Type.Integer(), Type.Integer()]))
const scriptDigest = createHash('sha1').update(script).digest('hex') // SHA-1 because EVALSHA names scripts so

export interface RedisCounters {
  /** Null when Redis could not count: the caller counts elsewhere. */
  increment(key: string, windowMs: number): Promise<Hit | null>
  /** What Redis does not hear stays counted until its window ends. */
  clear(key: string): Promise<void>
}

export function createRedisCounters({ client }: Pick<RedisHandle, 'client'>): RedisCounters {
  async function run(key: string, windowMs: number): Promise<unknown> {
    try {
      return await client.evalsha(scriptDigest, 1, key, windowMs)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return client.eval(script, 1, key, windowMs)
    }
  }

  return {
    async clear(key) {
      await client.del(key).catch(() => undefined)
    },
    async increment(key, windowMs) {
      try {
        const answer = await run(key, windowMs)
        return answerSchema.matches(answer) ? { count: answer[0], resetMs: answer[1] } : null
      } catch {
        return null // away, slow or read-only: the connection says so itself, in the log and in redis_degraded
      }
    },
  }
}
