import { mailTemplateNames, type MailTemplateName } from '@latchkey/contracts/mails'
import { sendMailJob } from '@latchkey/contracts/queues'
import type { Queue } from '@latchkey/platform/queue/queues'
import type { Deps } from '../../deps.js'
import { leaseDueMails, type MailKey } from './queries.js'
import { sendMail } from './send-mail.js'

type RelayDeps = Pick<Deps, 'config' | 'keyring' | 'log' | 'mail' | 'metrics' | 'queues' | 'redis' | 'sql'>

/** Mails that are sent at once by one process; mail servers count the connections of a client. */
export const mailsAtOnce = 5
const mailsPerTurn = 100
/** A job that waits longer is not made a second time: its id is taken. One that was lost is. */
const leaseSeconds = 60
/** BullMQ takes the lowest first. Somebody waits for a link; then what may be a theft, and then what is good to know. */
const priorities: Readonly<Record<MailTemplateName, number>> = {
  'password-reset': 1,
  'magic-link': 1,
  'verify-email': 1,
  'complete-registration': 1,
  'confirm-email-change': 1,
  invitation: 2,
  'session-reuse': 2,
  'email-changed': 2,
  'email-change-undone': 2,
  'account-deleted': 2,
  'password-reset-done': 2,
  'password-changed': 3,
  'passkey-cloned': 2,
  'passkey-added': 3,
  'passkey-removed': 3,
  'mfa-enabled': 3,
  'mfa-disabled': 3,
  'recovery-code-used': 3,
  'recovery-codes-low': 3,
  'recovery-codes-replaced': 3,
  'identity-linked': 3,
  'identity-unlinked': 3,
  'account-locked': 3,
  'suspicious-activity': 2,
  'operator-alerts': 2,
  'email-change-asked': 3,
  'account-exists': 3,
  'new-device': 4,
}

/** Queues the mails that are due; while Redis is away, sends them. Takes up no more than the mail server is there for. */
export async function relayMails(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  const { mail, queues, redis, sql } = deps
  for (;;) {
    const queue = redis.isAvailable() ? queues.mail : null
    const limit = mail.watch.room(queue === null ? mailsAtOnce : mailsPerTurn)
    if (limit === 0 || signal.aborted) return
    const due = await leaseDueMails(sql, { templates: mailTemplateNames, limit, leaseSeconds })
    if (queue === null || !(await addToQueue(queue, due))) await sendAll(deps, due, signal)
    if (due.length < limit || limit === 1) return
  }
}

/** What is left when `signal` comes is due again when its lease has run out. */
async function sendAll(deps: RelayDeps, due: readonly MailKey[], signal: AbortSignal): Promise<void> {
  for (let start = 0; start < due.length && !signal.aborted; start += mailsAtOnce) {
    const sending = due.slice(start, start + mailsAtOnce).map((key) => sendMail(deps, key))
    const failure = (await Promise.allSettled(sending)).find((result) => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }
}

/**
 * The id keeps a mail that waits from being queued again. A job that is done leaves nothing behind, because its row says what
 * became of the mail and outlives Redis.
 */
async function addToQueue(queue: Queue, due: readonly MailKey[]): Promise<boolean> {
  try {
    await queue.addBulk(
      due.map(({ eventId, template }) => ({
        name: sendMailJob,
        data: { eventId, template },
        opts: {
          jobId: `${eventId}.${template}`,
          priority: priorities[template],
          removeOnComplete: true,
        },
      })),
    )
    return true
  } catch {
    return false
  }
}
