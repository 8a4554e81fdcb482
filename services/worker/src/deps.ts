import { queueNames } from '@latchkey/contracts/queues'
import { loadSettings, type Config } from '@latchkey/platform/config/config'
import { createKeyring, type Keyring } from '@latchkey/platform/crypto/keyring'
import { connectDatabase, type Database } from '@latchkey/platform/database/client'
import { createLogger, type Logger } from '@latchkey/platform/logging/logger'
import { createMetrics, type Metrics } from '@latchkey/platform/metrics/metrics'
import { createQueue, type Queue } from '@latchkey/platform/queue/queues'
import { connectRedis, type RedisHandle } from '@latchkey/platform/redis/client'
import { createRevocationList, type RevocationList } from '@latchkey/platform/revocation/revocation-list'
import { createOutbound, type Outbound } from '@latchkey/platform/outbound/outbound'
import { observePools, observeQueries } from '@latchkey/platform/database/observe-database'
import { openPlaces, type Places } from './detection/places.js'
import { createMailRoom, type MailRoom } from './mail/mail-room.js'

/** Everything that lives as long as the process. Constructed here and nowhere else. */
export interface Deps extends StoreDeps {
  readonly redis: RedisHandle
  /** For the consumers: its commands wait for Redis instead of failing. */
  readonly consumerRedis: RedisHandle
  readonly queues: {
    readonly securityEvents: Queue
    readonly maintenance: Queue
    readonly mail: Queue
    readonly webhooks: Queue
  }
  readonly revocations: RevocationList
  readonly mail: MailRoom
  /** To receivers of webhooks. */
  readonly outbound: Outbound
  readonly places: Places
}

/** What a command needs: everything but Redis. */
export interface StoreDeps {
  readonly config: Config
  readonly log: Logger
  readonly metrics: Metrics
  /** Transaction pool: may be PgBouncer in transaction mode, so nothing may rely on a session's state. */
  readonly sql: Database
  /** Straight to PostgreSQL, for the locks that are held as long as a task runs. */
  readonly sessionSql: Database
  readonly keyring: Keyring
}

/** What a test may bring along instead. */
export type DepsOverrides = Partial<Pick<Deps, 'log'>>

/** One lock a task that runs alone, and a spare one for what takes over while a lost connection is being noticed. */
const sessionConnections = 2

/** Nothing of an answer is of use but its status; a whole page of error may come along. */
const answerBytes = 64 * 1024

/**
 * Connects to nothing that must answer: the worker starts without PostgreSQL, Redis and mail server, and works once they are there.
 * @throws TemplateProblem, GeoIpProblem.
 */
export function createDeps(config: Config, overrides: DepsOverrides = {}): Deps {
  const stores = createStoreDeps(config, overrides)
  const { log, metrics, sql } = stores
  const mail = createMailRoom(config, log)
  const places = openPlaces(config.geoipDb, log)
  const redis = connectRedis(config, { name: 'worker', log, metrics })
  return {
    ...stores,
    redis,
    consumerRedis: connectRedis(config, { name: 'worker-consumers', log, metrics, blocking: true }),
    queues: {
      securityEvents: createQueue(queueNames.securityEvents, { config, redis }),
      maintenance: createQueue(queueNames.maintenance, { config, redis }),
      mail: createQueue(queueNames.mail, { config, redis }),
      webhooks: createQueue(queueNames.webhooks, { config, redis }),
    },
    revocations: createRevocationList({ redis, sql, config, log }),
    mail,
    outbound: createOutbound({
      allowedNetworks: config.outboundAllowedNetworks,
      maxBytes: answerBytes,
    }),
    places,
  }
}

export function createStoreDeps(config: Config, overrides: DepsOverrides = {}): StoreDeps {
  const log = overrides.log ?? createLogger(config, 'worker')
  const metrics = createMetrics('worker')
  const connection = {
    role: 'latchkey_worker',
    applicationName: 'latchkey-worker',
    onQuery: observeQueries(metrics),
  } as const
  const sql = connectDatabase(config, { ...connection, pool: 'transaction' })
  const sessionSql = connectDatabase(config, { ...connection, pool: 'session', max: sessionConnections })
  observePools(metrics, { transaction: sql, session: sessionSql })
  const keyring = createKeyring(config.authSecret, config.authSecretPrevious)
  return { config, log, metrics, sql, sessionSql, keyring }
}

const ownerSettings = [
  'databaseUrl',
  'databaseUrlTransaction',
  'dbSsl',
  'dbPoolMax',
  'dbIdleTimeoutMs',
  'dbConnTimeoutMs',
  'firebaseSignerKey',
  'traitsSchema',
] as const satisfies (keyof Config)[]

/** A batch of thousands of rows takes as long as the disk wants. */
const ownerStatementTimeoutMs = 60_000

/** A batch is in PostgreSQL's hands while the next is on its way, and a second processor is of use. */
export const ownerConnections = 2

/** For commands that do what neither service may: as the owner of the tables, straight to PostgreSQL. */
export interface OwnerDeps {
  readonly config: Pick<Config, (typeof ownerSettings)[number]>
  readonly sql: Database
}

const restoreSettings = [
  'databaseUrl',
  'databaseUrlTransaction',
  'dbSsl',
  'dbPoolMax',
  'dbIdleTimeoutMs',
  'dbConnTimeoutMs',
  'backupEncryptionKey',
  'backupPrograms',
] as const satisfies (keyof Config)[]

/** For a restore, which waits for as long as it takes, as the owner of an empty database. @throws ConfigError. */
export function createRestoreDeps(env: NodeJS.ProcessEnv): {
  readonly config: Pick<Config, (typeof restoreSettings)[number]>
  readonly sql: Database
} {
  const config = loadSettings(env, restoreSettings)
  const sql = connectDatabase(
    { ...config, dbStatementTimeoutMs: 0 },
    { role: null, pool: 'session', max: 1, applicationName: 'latchkey-restore' },
  )
  return { config, sql }
}

/** @throws ConfigError. */
export function createOwnerDeps(env: NodeJS.ProcessEnv): OwnerDeps {
  const config = loadSettings(env, ownerSettings)
  const sql = connectDatabase(
    { ...config, dbStatementTimeoutMs: ownerStatementTimeoutMs },
    { role: null, pool: 'session', max: ownerConnections, applicationName: 'latchkey-owner' },
  )
  return { config, sql }
}

export async function closeStoreDeps({ sql, sessionSql }: StoreDeps): Promise<void> {
  await Promise.all([sql.end(), sessionSql.end()])
}

/** Queues before the connection that they send over. */
export async function closeRedisDeps({ redis, consumerRedis, queues }: Deps): Promise<void> {
  await Promise.all(Object.values(queues).map((queue) => queue.close()))
  await Promise.all([redis.close(), consumerRedis.close()])
}
