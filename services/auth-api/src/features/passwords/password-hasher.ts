import { randomBytes } from 'node:crypto'
import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import type { Metrics } from '@latchkey/platform/metrics/metrics'
import { createHashingProcess } from './hashing-process.js'
import type { HashParameters } from './hashing-messages.js'

type HasherConfig = Pick<
  Config,
  'argon2MemoryKib' | 'argon2Time' | 'argon2Parallelism' | 'hashConcurrency' | 'hashQueueMax'
>
type HasherMetrics = Pick<Metrics, 'passwordHashDurationSeconds' | 'passwordHashQueue' | 'onScrape'>

export interface PasswordHasher {
  /**
   * Runs `work` with a place in the queue for hashes, or refuses it before it has cost anything. `work` may do other things
   * between its hashes; it keeps its place.
   * @throws AppError overloaded when `hashConcurrency + hashQueueMax` are admitted already.
   */
  admit<Result>(work: (passwords: AdmittedPasswords) => Promise<Result>): Promise<Result>
  /** Whether a stored hash is weaker than the parameters in force. */
  needsRehash(phc: string): boolean
  /** Waits for everyone admitted, and admits no one else. */
  close(): Promise<void>
}

/** Passwords are compared in NFKC (NIST SP 800-63B, 3.1.1.2), whatever keyboard they came from. */
export interface AdmittedPasswords {
  /** A PHC string: argon2id with the parameters in force and a salt of its own. */
  hash: (password: string) => Promise<string>
  verify: (phc: string, password: string) => Promise<boolean>
  /** Costs what `verify` costs: an account that does not exist must not be told by the time its refusal takes. */
  verifyAgainstNothing: (password: string) => Promise<false>
}

export function createPasswordHasher(config: HasherConfig, metrics: HasherMetrics): PasswordHasher {
  const parameters: HashParameters = {
    memoryKib: config.argon2MemoryKib,
    passes: config.argon2Time,
    lanes: config.argon2Parallelism,
  }
  const nothing = hashOfNothing(parameters)
  const hashing = createHashingProcess(config.hashConcurrency)
  const admitted = new Set<Promise<unknown>>()
  const queue: (() => void)[] = []
  let running = 0
  let isClosing = false
  metrics.onScrape(metrics.passwordHashQueue, () => {
    metrics.passwordHashQueue.set(queue.length)
  })

  async function inTurn<Result>(compute: () => Promise<Result>): Promise<Result> {
    if (running < config.hashConcurrency) running += 1
    else await new Promise<void>((takeTurn) => queue.push(takeTurn))
    const endTimer = metrics.passwordHashDurationSeconds.startTimer()
    try {
      return await compute()
    } finally {
      endTimer()
      const next = queue.shift()
      if (next === undefined) running -= 1
      else next() // hands over the turn, so `running` stays
    }
  }

  async function verify(phc: string, password: string): Promise<boolean> {
    const answer = await inTurn(() =>
      hashing.run({ kind: 'verify', phc, password: password.normalize('NFKC') }),
    )
    return answer === true
  }

  const passwords: AdmittedPasswords = {
    verify,
    async hash(password) {
      const phc = await inTurn(() =>
        hashing.run({ kind: 'hash', password: password.normalize('NFKC'), parameters }),
      )
      return String(phc)
    },
    async verifyAgainstNothing(password) {
      await verify(nothing, password)
      return false
    },
  }

  return {
    async admit(work) {
      if (isClosing) throw new AppError('unavailable')
      if (admitted.size >= config.hashConcurrency + config.hashQueueMax) throw new AppError('overloaded')
      const admission = work(passwords)
      admitted.add(admission)
      try {
        return await admission
      } finally {
        admitted.delete(admission)
      }
    },
    needsRehash: (phc) => isWeakerThan(parameters, phc),
    async close() {
      isClosing = true
      await Promise.allSettled(admitted)
      await hashing.close()
    },
  }
}

/** Other algorithms and versions count as weaker. Lanes spend the same memory and passes faster, so they don't count. */
function isWeakerThan(wanted: HashParameters, phc: string): boolean {
  const [, memoryKib, passes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(phc) ?? []
  return Number(memoryKib ?? 0) < wanted.memoryKib || Number(passes ?? 0) < wanted.passes
}

function hashOfNothing({ memoryKib, passes, lanes }: HashParameters): string {
  const [salt, digest] = [randomBytes(16), randomBytes(32)].map((bytes) =>
    bytes.toString('base64').replace(/=+$/, ''),
  )
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${salt}$${digest}`
}
