import { queueNames } from '@latchkey/contracts/queues'
import type { Config } from '@latchkey/platform/config/config'
import { createKeyring, type Keyring } from '@latchkey/platform/crypto/keyring'
import { connectDatabase, type Sql } from '@latchkey/platform/database/client'
import { createLogger, type Logger } from '@latchkey/platform/logging/logger'
import { createMetrics, type Metrics } from '@latchkey/platform/metrics/metrics'
import { createQueue } from '@latchkey/platform/queue/queues'
import { connectRedis, type RedisHandle } from '@latchkey/platform/redis/client'
import { createRevocationList, type RevocationList } from '@latchkey/platform/revocation/revocation-list'
import { createEventReporter, type EventReporter } from '@latchkey/platform/security-events/event-reporter'
import { createSigningKeys, type SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { createPasswords, type Passwords } from './features/passwords/passwords.js'
import { createLimits, type Limits } from './limits/limits.js'

/** Everything that lives as long as the process. Constructed here and nowhere else. */
export interface Deps {
  readonly config: Config
  readonly log: Logger
  readonly metrics: Metrics
  /** Transaction pool: may be PgBouncer in transaction mode, so nothing may rely on a session's state. */
  readonly sql: Sql
  readonly redis: RedisHandle
  readonly revocations: RevocationList
  readonly keyring: Keyring
  readonly signingKeys: SigningKeys
  readonly events: EventReporter
  readonly passwords: Passwords
  readonly limits: Limits
}
