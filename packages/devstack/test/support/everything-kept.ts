import type { Sql } from '@latchkey/platform/database/client'
import { Redis } from 'ioredis'

/** Every row of every table, as text; bytes are in hex. */
export async function readEveryTable(db: Sql): Promise<string[]> {
  const tables = await db<{ name: string }[]>`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public'`
  const lines: string[] = []
  for (const { name } of tables) {
    const rows = await db.unsafe<{ row: string }[]>(`SELECT t::text AS row FROM ${name} t`)
    lines.push(...rows.map(({ row }) => `${name} ${row}`))
  }
  return lines
}

/** Every key with this prefix, with all that it holds. */
export async function readEveryKey(url: string, prefix: string): Promise<string[]> {
  const redis = new Redis(url)
  try {
    const lines: string[] = []
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 }))
      for (const key of keys as string[]) lines.push(`${key} ${JSON.stringify(await readKey(redis, key))}`)
    return lines
  } finally {
    redis.disconnect()
  }
}

async function readKey(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key)
  switch (type) {
    case 'string':
      return redis.get(key)
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return redis.smembers(key)
    case 'zset':
      return redis.zrange(key, '0', '-1')
    case 'stream':
      return redis.xrange(key, '-', '+')
    case 'none':
      return null // it has just expired
    default:
      throw new Error(`${key} is a ${type}, and nobody has looked into it`)
  }
}
