import { createTestDatabase, testDatabaseConfig, type TestContext } from '@latchkey/devstack/testing/database'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { connectDatabase, type Database, type DatabaseRole } from '@latchkey/platform/database/client'
import type { SigningAlgorithm } from '@latchkey/platform/signing-keys/signing-key'
import { createSigningKeys, type SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { captureLog } from './log-lines.js'

export const firstSecret = 'the first secret of these tests, 1'
export const secondSecret = 'the second secret of these tests, 2'

interface InstanceOptions {
  secret?: string
  previous?: string | null
  algorithm?: SigningAlgorithm
  reloadEveryMs?: number
}

export interface SigningKeyRig {
  /** As the owner, who may change what no process may. */
  readonly owner: Database
  connect(role: DatabaseRole, onQuery?: () => void): Database
  /** Signing keys as one auth-api process has them; closed when the test ends. */
  startInstance(options?: InstanceOptions): Promise<SigningKeys>
  /** What rotation needs, with the worker's rights. */
  worker(options?: InstanceOptions): {
    sql: Database
    keyring: ReturnType<typeof createKeyring>
    config: { signingAlgorithm: SigningAlgorithm; accessTokenTtlSeconds: number }
  }
}

export async function startSigningKeyRig(t: TestContext): Promise<SigningKeyRig> {
  const { url, owner } = await createTestDatabase(t)

  function connect(role: DatabaseRole, onQuery: () => void = () => {}): Database {
    const sql = connectDatabase(testDatabaseConfig(url), {
      role,
      pool: 'transaction',
      max: 3,
      applicationName: 'signing-keys-test',
      onQuery,
    })
    t.teardown(() => sql.end())
    return sql
  }

  const settings = ({ secret = firstSecret, previous = null, algorithm = 'ES256' }: InstanceOptions) => ({
    keyring: createKeyring(secret, previous),
    config: { signingAlgorithm: algorithm, accessTokenTtlSeconds: 900 },
  })

  return {
    owner,
    connect,
    async startInstance(options = {}) {
      const { reloadEveryMs = 20 } = options
      const keys = await createSigningKeys({
        ...settings(options),
        sql: connect('latchkey_api'),
        log: captureLog().log,
        reloadEveryMs,
      })
      t.teardown(() => keys.close())
      return keys
    },
    worker: (options = {}) => ({ ...settings(options), sql: connect('latchkey_worker') }),
  }
}
