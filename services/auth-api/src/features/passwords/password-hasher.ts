import { randomBytes } from 'node:crypto'
import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import type { Logger } from '@latchkey/platform/logging/logger'
import type { Metrics } from '@latchkey/platform/metrics/metrics'
import { readStoredHash, type StoredHash } from '@latchkey/platform/passwords/stored-hash'
import { createHashingProcess } from './hashing-process.js'
import type { HashParameters } from './hashing-messages.js'
import { isBlindToSome, isWeakerThan, keyIdOf } from './hash-freshness.js'
import { createPeppers, withKeyId } from './pepper.js'

type HasherConfig = Pick<
  Config,
  | 'argon2MemoryKib'
  | 'argon2Time'
  | 'argon2Parallelism'
  | 'firebaseSignerKey'
  | 'hashConcurrency'
  | 'hashQueueMax'
  | 'passwordPepper'
  | 'passwordPepperPrevious'
>
type HasherMetrics = Pick<Metrics, 'passwordHashDurationSeconds' | 'passwordHashQueue' | 'onScrape'>

export interface PasswordHasher {
  /**
   * Runs `work` with a place in the queue for hashes, or refuses it before it has cost anything. `work` may do other things
   * between its hashes; it keeps its place.
   * @throws AppError overloaded when `hashConcurrency + hashQueueMax` are admitted already.
   */
  admit<Result>(work: (passwords: AdmittedPasswords) => Promise<Result>): Promise<Result>
  /** Whether the hash that `password` was just verified with is to give way to a new one of it. */
  needsRehash(stored: string, password: string): boolean
  /** Waits for everyone admitted, and admits no one else. */
  close(): Promise<void>
}

/** Passwords are compared in NFKC (NIST SP 800-63B, 3.1.1.2), whatever keyboard they came from. */
export interface AdmittedPasswords {
  /** A PHC string: argon2id with the parameters in force, a salt of its own and the pepper. */
  hash: (password: string) => Promise<string>
  /** Also against hashes that were imported; see `StoredHash`. */
  verify: (stored: string, password: string) => Promise<boolean>
  /** Costs what `verify` costs: an account that does not exist must not be told by the time its refusal takes. */
  verifyAgainstNothing: (password: string) => Promise<false>
}

export function createPasswordHasher(
  config: HasherConfig,
  metrics: HasherMetrics,
  log: Logger,
): PasswordHasher {
  const parameters: HashParameters = {
    memoryKib: config.argon2MemoryKib,
    passes: config.argon2Time,
    lanes: config.argon2Parallelism,
  }
  const nothing = hashOfNothing(parameters)
  const peppers = createPeppers(config)
  const hashing = createHashingProcess(config.hashConcurrency)
  const admitted = new Set<Promise<unknown>>()
  const queue: (() => void)[] = []
  let running = 0
  const missed = new Set<string>()
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

  async function compare(stored: string, passwords: readonly string[]): Promise<boolean> {
    const signerKey = config.firebaseSignerKey?.toString('base64') ?? null
    return (await inTurn(() => hashing.run({ kind: 'verify', stored, passwords, signerKey }))) === true
  }

  /** Null when a key that went into the hash is not configured: then nobody can tell whether the password is right. */
  function presentedFor(hash: StoredHash, password: string): readonly string[] | null {
    const spellings = spellingsOf(password)
    if (hash.scheme === 'firebase-scrypt')
      return hash.signerKey === null && config.firebaseSignerKey === null
        ? miss('FIREBASE_SIGNER_KEY')
        : spellings
    const keyId = keyIdOf(hash)
    if (keyId === null) return spellings
    const pepper = peppers.named(keyId)
    return pepper === null ? miss('PASSWORD_PEPPER') : spellings.map((spelling) => pepper.season(spelling))
  }

  function miss(setting: string): null {
    if (!missed.has(setting))
      log.error(
        { setting },
        'passwords are refused, because the key that their hashes need is not configured',
      )
    missed.add(setting)
    return null
  }

  const passwords: AdmittedPasswords = {
    async hash(password) {
      const normal = password.normalize('NFKC')
      const pepper = peppers.current
      const seasoned = pepper?.season(normal) ?? normal
      const phc = String(await inTurn(() => hashing.run({ kind: 'hash', password: seasoned, parameters })))
      return pepper === null ? phc : withKeyId(phc, pepper)
    },
    async verify(stored, password) {
      const hash = readStoredHash(stored)
      const presented = presentedFor(hash, password)
      if (presented !== null && (await compare(stored, presented))) return true
      // A weaker hash may be a cheaper one. What is refused costs one of ours as well, as what is right costs the new hash.
      if (presented === null || isWeakerThan(parameters, hash)) await passwords.verifyAgainstNothing(password)
      return false
    },
    async verifyAgainstNothing(password) {
      await compare(nothing, spellingsOf(password))
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
    needsRehash(stored, password) {
      const hash = readStoredHash(stored)
      if (spellingsOf(password).some((spelling) => isBlindToSome(hash, spelling))) return false
      return isWeakerThan(parameters, hash) || keyIdOf(hash) !== (peppers.current?.id ?? null)
    },
    async close() {
      isClosing = true
      await Promise.allSettled(admitted)
      await hashing.close()
    },
  }
}

/**
 * In NFKC, and as it was typed where that differs: hashes that were imported may be of either. It is the password that decides how many
 * there are, never the account, so that the time of an answer tells nothing of it.
 */
function spellingsOf(password: string): readonly string[] {
  const normal = password.normalize('NFKC')
  return normal === password ? [normal] : [normal, password]
}

function hashOfNothing({ memoryKib, passes, lanes }: HashParameters): string {
  const [salt, digest] = [randomBytes(16), randomBytes(32)].map((bytes) =>
    bytes.toString('base64').replace(/=+$/, ''),
  )
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${salt}$${digest}`
}
