import type { ChainableCommander, Redis, Result } from 'ioredis'

/**
 * What Redis holds for the revocation list:
 * - `revoked:<session>`: the session was revoked. It is never taken back, so a late or repeated write is true as well.
 * - `revocations:epoch`: the run of the server (`RedisHandle.runId`) in which the list was completed.
 * - `revocations:lock`: the token of the process that is completing it.
 * - `confirmed:<session>`: the highest generation that a client has shown to hold.
 */
export interface Denylist {
  read(sessionId: string): Promise<DenylistEntry>
  /** `read`, and in the same round trip notes that the client holds this generation. */
  readAndConfirm(sessionId: string, generation: number): Promise<DenylistEntry & { isConfirmed: boolean }>
  /** For sessions revoked just now. Rejects unless every entry was written. */
  add(sessionIds: readonly string[], ttlSeconds: number): Promise<void>
  /** For sessions that were revoked a while ago. Rejects unless every entry is there now. */
  addMissing(revocations: readonly PastRevocation[]): Promise<void>
  confirmedGeneration(sessionId: string): Promise<bigint | null>
  forgetConfirmation(sessionId: string): Promise<void>
  lock(token: string): Promise<boolean>
  /** False when the lock is no longer ours: it ran out, or the server lost its data. */
  keepLock(token: string): Promise<boolean>
  unlock(token: string): Promise<void>
  /** Writes the epoch and gives the lock back, provided that the lock is still ours; else answers false. */
  complete(token: string, epoch: string): Promise<boolean>
}

export interface PastRevocation {
  readonly id: string
  /** Milliseconds for which an access token of the session could still be presented. */
  readonly remainingMs: number
}

export interface DenylistEntry {
  readonly isRevoked: boolean
  readonly epoch: string | null
}

/** Of a process that died while it held the lock. Others read PostgreSQL for so long; a living one renews it. */
const lockTtlMs = 10_000

declare module 'ioredis' {
  interface RedisCommander<Context> {
    latchkeyConfirm(key: string, generation: number, ttlSeconds: number): Result<number, Context>
    latchkeyKeepLock(lock: string, token: string, ttlMs: number): Result<number, Context>
    latchkeyUnlock(lock: string, token: string): Result<number, Context>
    latchkeyCompleteList(
      lock: string,
      epochKey: string,
      token: string,
      epoch: string,
    ): Result<number, Context>
  }
}

// Requests of one session overtake each other: an older one must not lower what a newer one has confirmed.
const confirmScript = `
local known = redis.call('GET', KEYS[1])
if not known or tonumber(known) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return 1`
const keepLockScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`
const unlockScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`
const completeScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])`

export function createDenylist(redis: Redis, keyPrefix: string, confirmationTtlSeconds: number): Denylist {
  redis.defineCommand('latchkeyConfirm', { numberOfKeys: 1, lua: confirmScript })
  redis.defineCommand('latchkeyKeepLock', { numberOfKeys: 1, lua: keepLockScript })
  redis.defineCommand('latchkeyUnlock', { numberOfKeys: 1, lua: unlockScript })
  redis.defineCommand('latchkeyCompleteList', { numberOfKeys: 2, lua: completeScript })

  const revokedKey = `${keyPrefix}revoked:`
  const confirmedKey = `${keyPrefix}confirmed:`
  const epochKey = `${keyPrefix}revocations:epoch`
  const lockKey = `${keyPrefix}revocations:lock`

  return {
    async read(sessionId) {
      const [revoked, epoch] = await redis.mget(revokedKey + sessionId, epochKey)
      return { isRevoked: revoked !== null, epoch: epoch ?? null }
    },
    async readAndConfirm(sessionId, generation) {
      const confirmation = redis
        .latchkeyConfirm(confirmedKey + sessionId, generation, confirmationTtlSeconds)
        .then(
          () => true,
          () => false,
        )
      const [revoked, epoch] = await redis.mget(revokedKey + sessionId, epochKey)
      return { isRevoked: revoked !== null, epoch: epoch ?? null, isConfirmed: await confirmation }
    },
    async add(sessionIds, ttlSeconds) {
      const pipeline = redis.pipeline()
      for (const id of sessionIds) pipeline.set(revokedKey + id, '1', 'EX', ttlSeconds)
      await execute(pipeline)
    },
    async addMissing(revocations) {
      const pipeline = redis.pipeline()
      // NX: an entry that is there was written with at least this much time left.
      for (const { id, remainingMs } of revocations) {
        if (remainingMs > 0) pipeline.set(revokedKey + id, '1', 'PX', remainingMs, 'NX')
      }
      await execute(pipeline)
    },
    async confirmedGeneration(sessionId) {
      const generation = await redis.get(confirmedKey + sessionId)
      return generation === null ? null : BigInt(generation)
    },
    forgetConfirmation: async (sessionId) => void (await redis.del(confirmedKey + sessionId)),
    lock: async (token) => (await redis.set(lockKey, token, 'PX', lockTtlMs, 'NX')) === 'OK',
    keepLock: async (token) => (await redis.latchkeyKeepLock(lockKey, token, lockTtlMs)) === 1,
    unlock: async (token) => void (await redis.latchkeyUnlock(lockKey, token)),
    complete: async (token, epoch) =>
      (await redis.latchkeyCompleteList(lockKey, epochKey, token, epoch)) === 1,
  }
}

async function execute(pipeline: ChainableCommander): Promise<void> {
  if (pipeline.length === 0) return
  const replies = await pipeline.exec()
  for (const [error] of replies ?? []) if (error !== null) throw error
}
