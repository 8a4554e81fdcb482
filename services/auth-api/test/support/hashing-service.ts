/** A process of its own, as it was built, that has hashed a password and lives on, for tests that kill it. */
import { createPasswordHasher } from '@latchkey/auth-api/features/passwords/password-hasher'
import { createLogger } from '@latchkey/platform/logging/logger'
import { createMetrics } from '@latchkey/platform/metrics/metrics'

const settings = {
  argon2MemoryKib: 1024,
  argon2Time: 1,
  argon2Parallelism: 1,
  hashConcurrency: 1,
  hashQueueMax: 0,
  passwordPepper: null,
  passwordPepperPrevious: null,
  firebaseSignerKey: null,
}
const log = createLogger({ logLevel: 'silent', logPretty: false }, 'auth-api')
const hasher = createPasswordHasher(settings, createMetrics('auth-api'), log)
await hasher.admit(({ hash }) => hash('a phrase of ours'))
process.send?.('ready')
