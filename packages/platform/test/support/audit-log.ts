import type { SecurityEvent } from '@latchkey/contracts/events'
import type { TestDatabase } from '@latchkey/devstack/testing/database'
import { verifyLog, type VerifyOptions } from '@latchkey/platform/audit-chain/verify-log'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { moveOutboxRows } from '@latchkey/platform/security-events/queries'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'

export const keyring = createKeyring('a secret of thirty-two bytes at least', null)

export function eventOf(userId: string, occurredAt = new Date().toISOString()): SecurityEvent {
  const fields = {
    userId,
    ip: '203.0.113.7',
    userAgent: 'Ü "quoted" \\ \n',
    data: { reason: 'password', tried: 1.5, 'k ü': null },
  }
  return { ...newSecurityEvent('login.failed', fields), occurredAt }
}

/** Batches of these sizes, of one user. */
export async function storeBatches(worker: Sql, userId: string, sizes: readonly number[]): Promise<void> {
  for (const size of sizes)
    await persistSecurityEvents(
      worker,
      Array.from({ length: size }, () => eventOf(userId)),
    )
}

/** Somebody with two events leaves, and the log is told. */
export async function eraseSomebody({ owner }: Pick<TestDatabase, 'owner'>, worker: Sql): Promise<string> {
  const userId = newId()
  await owner`INSERT INTO users (id, email) VALUES (${userId}, ${`${userId}@example.com`})`
  await storeBatches(worker, userId, [2])
  await owner`SELECT erase_person(${userId}, ${userId}, NULL, NULL, NULL, NULL)`
  await moveOutboxRows(worker, 100)
  await worker`SELECT pseudonymise_events(${userId}, 100)`
  return userId
}

class Undo extends Error {}

/** What is found, and where, after somebody with the owner's rights did this; it is undone again. */
export async function findingsAfter(
  owner: TestDatabase['owner'],
  tamper: (sql: Sql) => Promise<unknown>,
  options: VerifyOptions = {},
): Promise<string[]> {
  let found: string[] = []
  await owner
    .begin(async (sql) => {
      await tamper(sql)
      const { findings } = await verifyLog({ sql, keyring }, options)
      found = findings.map(({ kind, seq, batch }) =>
        `${kind} ${seq ?? (batch === null ? '' : `batch ${batch}`)}`.trim(),
      )
      throw new Undo()
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error
    })
  return found
}
