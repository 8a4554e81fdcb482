import { UnrecoverableError } from 'bullmq'
import type { SendMailPayload } from '@latchkey/contracts/queues'
import { isMailTemplateName } from './known-template.js'
import { sendMail, type SendDeps } from './send-mail.js'

/**
 * Sends the mail that a job names. Tries are counted and spaced by its row, with or without a queue; the job only brings it here,
 * and is kept as failed when the mail is given up.
 */
export async function runMailJob(deps: SendDeps, { eventId, template }: SendMailPayload): Promise<void> {
  // During a rolling upgrade a newer worker queues what this one has no template for; its row comes round to that one again.
  if (!isMailTemplateName(template)) return
  const outcome = await sendMail(deps, { eventId, template })
  if (outcome === 'failed')
    throw new UnrecoverableError('The mail was given up; its row in mails has the reason')
}
