/** The process that computes password hashes for the service that forked it. It holds no key and opens no connection. */
import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { argon2id, hash } from 'argon2'
import type { HashingResult, HashingTask } from './hashing-messages.js'
import { verifyHash } from './verify-hash.js'

yieldToTheService()

// Ctrl-C reaches the whole process group, but sign-ins that have begun still need their hash. The end is the closed channel.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

process.on('message', (task: HashingTask) => {
  void answer(task)
})

async function answer(task: HashingTask): Promise<void> {
  const result = await compute(task)
  if (process.connected) process.send?.(result)
}

async function compute(task: HashingTask): Promise<HashingResult> {
  try {
    return { id: task.id, value: await (task.kind === 'hash' ? hashOf(task) : isAnyRight(task)) }
  } catch (error) {
    return { id: task.id, failure: error instanceof Error ? error.message : 'unknown' }
  }
}

function hashOf({ password, parameters }: Extract<HashingTask, { kind: 'hash' }>): Promise<string> {
  return hash(password, {
    type: argon2id,
    memoryCost: parameters.memoryKib,
    timeCost: parameters.passes,
    parallelism: parameters.lanes,
  })
}

/** Not all at once: a second hash at the same time would take the memory and the processor of another sign-in. */
async function isAnyRight({
  stored,
  passwords,
  signerKey,
}: Extract<HashingTask, { kind: 'verify' }>): Promise<boolean> {
  const key = signerKey === null ? null : Buffer.from(signerKey, 'base64')
  for (const password of passwords) if (await verifyHash(stored, password, key)) return true
  return false
}

/** Linux keeps a priority for each thread, and libuv has started those that will hash by the time this line runs. */
function yieldToTheService(): void {
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid]
  for (const thread of threads) {
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL)
    } catch {
      // The thread has ended. Besides, hashing at the wrong priority is better than none.
    }
  }
}
