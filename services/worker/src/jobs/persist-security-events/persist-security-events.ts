import { UnrecoverableError } from 'bullmq'
import type { PersistSecurityEventsPayload } from '@latchkey/contracts/queues'
import { persistSecurityEvents as persistBatch } from '@latchkey/platform/security-events/persist-security-events'
import type { Deps } from '../../deps.js'
import { noteStored } from './note-stored.js'

/**
 * Stores the events of a job. One that PostgreSQL will never take keeps no other from being stored, and fails the job for good:
 * there, with the job, it is kept for a human.
 */
export async function persistSecurityEvents(
  { sql, metrics }: Pick<Deps, 'sql' | 'metrics'>,
  { events }: PersistSecurityEventsPayload,
): Promise<void> {
  const { stored, refused } = await persistBatch(sql, events)
  noteStored(metrics, stored)
  const [first] = refused
  if (first === undefined) return
  throw new UnrecoverableError(
    `${refused.length} of ${events.length} events cannot be stored, the first one ${first.item.id}: ${first.error.message}`,
  )
}
