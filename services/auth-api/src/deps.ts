import { queueNames } from '@latchkey/contracts/queues'
import { loadSettings, type Config } from '@latchkey/platform/config/config'
import { createKeyring, type Keyring } from '@latchkey/platform/crypto/keyring'
import { connectDatabase, type Database } from '@latchkey/platform/database/client'
import { createLogger, type Logger } from '@latchkey/platform/logging/logger'
import { createMetrics, type Metrics } from '@latchkey/platform/metrics/metrics'
import { createQueue, type Queue } from '@latchkey/platform/queue/queues'
import { connectRedis, type RedisHandle } from '@latchkey/platform/redis/client'
import { createOutbound, type Outbound } from '@latchkey/platform/outbound/outbound'
import { createRevocationList, type RevocationList } from '@latchkey/platform/revocation/revocation-list'
import { createEventReporter, type EventReporter } from '@latchkey/platform/security-events/event-reporter'
import { createSigningKeys, type SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { loadTraits } from '@latchkey/platform/traits/load-traits'
import type { Traits } from '@latchkey/platform/traits/traits'
import { awaitSigningKeys } from './awaited-signing-keys.js'
import { createBreachedPasswords, type BreachedPasswords } from './features/passwords/breached-passwords.js'
import {
  createIdentityProviders,
  type IdentityProviders,
} from './features/federation/providers/identity-providers.js'
import { createPasswordHasher, type PasswordHasher } from './features/passwords/password-hasher.js'
import { createLimits, type Limits } from './limits/limits.js'
import { createTurns, type Turns } from './limits/turns.js'
import { observePools, observeQueries } from '@latchkey/platform/database/observe-database'

/** Everything that lives as long as the process. Constructed here and nowhere else. */
export interface Deps {
  readonly config: Config
  readonly log: Logger
  readonly metrics: Metrics
  /** Transaction pool: may be PgBouncer in transaction mode, so nothing may rely on a session's state. */
  readonly sql: Database
  readonly redis: RedisHandle
  readonly eventQueue: Queue
  /** For operators to look at, and to try a job again. */
  readonly queues: Readonly<Record<keyof typeof queueNames, Queue>>
  readonly revocations: RevocationList
  readonly keyring: Keyring
  readonly signingKeys: SigningKeys
  readonly events: EventReporter
  readonly passwords: PasswordHasher
  readonly breachedPasswords: BreachedPasswords
  readonly limits: Limits
  readonly traits: Traits
  /** Where people may sign in as well. */
  readonly identityProviders: IdentityProviders
  /** To addresses that others have chosen. */
  readonly outbound: Outbound
  /** Guesses at one account, one after the other. */
  readonly turns: Turns
}

/** What a test may bring along instead. */
export type DepsOverrides = Partial<Pick<Deps, 'log'>> & {
  /** Google's own is no setting: whoever can set another one signs in as anybody. */
  googleIssuer?: string
}

/**
 * Connects to nothing that must answer: a process starts without PostgreSQL and Redis, and serves once they are there.
 * @throws TraitsSchemaError, before anything is connected.
 */
export async function createDeps(config: Config, overrides: DepsOverrides = {}): Promise<Deps> {
  const traits = await loadTraits(config.traitsSchema)
  const log = overrides.log ?? createLogger(config, 'auth-api')
  const metrics = createMetrics('auth-api')
  const sql = connectDatabase(config, {
    role: 'latchkey_api',
    pool: 'transaction',
    applicationName: 'latchkey-auth-api',
    onQuery: observeQueries(metrics),
  })
  observePools(metrics, { transaction: sql })
  const redis = connectRedis(config, { name: 'auth-api', log, metrics })
  const eventQueue = createQueue(queueNames.securityEvents, { config, redis })
  const events = createEventReporter({ queue: eventQueue, sql, log })
  const keyring = createKeyring(config.authSecret, config.authSecretPrevious)
  const signingKeys = await awaitSigningKeys(() => createSigningKeys({ sql, keyring, config, log }), log)
  metrics.onScrape(metrics.signingKeyAgeSeconds, () => {
    metrics.signingKeyAgeSeconds.set(signingKeys.ageSeconds())
  })
  return {
    config,
    log,
    metrics,
    sql,
    redis,
    eventQueue,
    queues: {
      securityEvents: eventQueue,
      maintenance: createQueue(queueNames.maintenance, { config, redis }),
      mail: createQueue(queueNames.mail, { config, redis }),
      webhooks: createQueue(queueNames.webhooks, { config, redis }),
    },
    revocations: createRevocationList({ redis, sql, config, log }),
    keyring,
    signingKeys,
    events,
    passwords: createPasswordHasher(config, metrics, log),
    breachedPasswords: createBreachedPasswords(config, log),
    limits: createLimits({ config, keyring, redis, events, log }),
    traits,
    identityProviders: createIdentityProviders(config, log, { googleIssuer: overrides.googleIssuer }),
    outbound: createOutbound({ allowedNetworks: config.outboundAllowedNetworks }),
    turns: createTurns(),
  }
}

/** In the order of need: who writes comes before what it writes to. */
export async function closeDeps(deps: Deps): Promise<void> {
  await deps.passwords.close()
  await deps.signingKeys.close()
  await deps.events.whenIdle()
  await Promise.all(Object.values(deps.queues).map((queue) => queue.close()))
  await deps.redis.close()
  await deps.sql.end({ timeout: 5 })
}

const ownerSettings = [
  'databaseUrl',
  'databaseUrlTransaction',
  'dbSsl',
  'dbPoolMax',
  'dbIdleTimeoutMs',
  'dbConnTimeoutMs',
  'dbStatementTimeoutMs',
  'nodeEnv',
  'logLevel',
  'logPretty',
  'publicUrl',
  'issuer',
  'argon2MemoryKib',
  'argon2Time',
  'argon2Parallelism',
  'hashConcurrency',
  'hashQueueMax',
  'firebaseSignerKey',
  'passwordMinLength',
  'passwordBreachCheckUrl',
  'passwordPepper',
  'passwordPepperPrevious',
] as const satisfies readonly (keyof Config)[]

/** What a command needs that the database's owner gives: none of the secrets of the api. */
export interface OwnerDeps extends Pick<Deps, 'sql' | 'passwords' | 'breachedPasswords'> {
  readonly config: Pick<Config, (typeof ownerSettings)[number]>
}

/** @throws ConfigError. */
export function createOwnerDeps(env: NodeJS.ProcessEnv): OwnerDeps {
  const config = { ...loadSettings(env, ownerSettings), logLevel: 'silent' as const }
  const log = createLogger(config, 'auth-api')
  return {
    config,
    sql: connectDatabase(config, { role: null, pool: 'session', max: 1, applicationName: 'latchkey-owner' }),
    passwords: createPasswordHasher(config, createMetrics('auth-api'), log),
    breachedPasswords: createBreachedPasswords(config, log),
  }
}

export async function closeOwnerDeps({ sql, passwords }: OwnerDeps): Promise<void> {
  await passwords.close()
  await sql.end()
}
