import { setTimeout as sleep } from 'node:timers/promises'
import { mailLinkOf } from '@latchkey/contracts/mails'
import { toAppError } from '@latchkey/platform/database/errors'
import type { Deps } from '../../deps.js'
import { MailProblem, type Mail, type MailDelivery } from '../../mail/mail.js'
import { domainOf } from '../../mail/smtp-errors.js'
import { describeAlerts } from '../../alerts/describe-alerts.js'
import { linkOf } from '../../mail/mail-link.js'
import { writeMail } from '../../mail/write-mail.js'
import { claimMail, postponeMail, returnMail, settleMail, type ClaimedMail, type MailKey } from './queries.js'

export type SendDeps = Pick<Deps, 'config' | 'keyring' | 'log' | 'mail' | 'metrics' | 'sql'>

/** `left`: it is settled, or somebody else's, or waits for the mail server. */
export type SendOutcome = 'sent' | 'skipped' | 'retried' | 'failed' | 'left'

/** Four times as long as the mail server is given, so that no two send a mail at once. */
const claimSeconds = 60
/** How long to go on saying that a mail was sent while PostgreSQL is away: as long as nobody else may take it for unsent. */
const settleForMs = (claimSeconds - 20) * 1000
const settleEveryMs = 1000
/** Second try after a minute, third five minutes later: longer than greylisting servers want to see (RFC 6647). */
const firstRetrySeconds = 60
const retryFactor = 5

/**
 * Sends one mail, if it is to be sent and nobody else is at it. A mail is sent twice only when the server has taken it and nobody
 * could write that down: this process, PostgreSQL or the connection died in between. Both copies then carry the same Message-ID.
 */
export async function sendMail(deps: SendDeps, key: MailKey): Promise<SendOutcome> {
  const { mail: room, metrics, sql } = deps
  const pauseSeconds = room.watch.pauseSeconds()
  if (pauseSeconds > 0) {
    await returnMail(sql, key, pauseSeconds)
    return 'left'
  }
  const claimed = await claimMail(sql, key, claimSeconds)
  if (claimed === null) return 'left'
  const outcome = await sendClaimed(deps, key, claimed)
  if (outcome !== 'left') metrics.mailSentTotal.inc({ template: key.template, status: outcome })
  return outcome
}

async function sendClaimed(deps: SendDeps, key: MailKey, claimed: ClaimedMail): Promise<SendOutcome> {
  const { config, mail: room } = deps
  const { email } = claimed
  if (room.delivery === null) return skip(deps, key, 'MAIL_URL is not set')
  if (email === null) return skip(deps, key, 'the user is gone or disabled')
  const purpose = mailLinkOf(key.template)
  const link = purpose === null ? null : linkOf(deps, purpose, claimed)
  if (purpose !== null && link === null) return skip(deps, key, 'its link was used, replaced or has expired')
  try {
    const alerts = claimed.alertIds === null ? null : await describeAlerts(deps.sql, claimed.alertIds)
    const mail = writeMail(config, room.templates, { ...key, ...claimed, email, link, alerts })
    await deliver(deps, room.delivery, mail)
  } catch (error) {
    return handleProblem(deps, key, claimed, domainOf(email), error)
  }
  await settleSurely(deps, key)
  return 'sent'
}

/** Whatever the server says, it is there; only `server_away` says that it is not. */
async function deliver({ mail: { watch } }: SendDeps, delivery: MailDelivery, mail: Mail): Promise<void> {
  try {
    await delivery.deliver(mail)
  } catch (error) {
    if (error instanceof MailProblem && error.kind === 'server_away') watch.noteAway(error.message)
    else watch.noteAnswer()
    throw error
  }
  watch.noteAnswer()
}

async function skip({ sql }: SendDeps, key: MailKey, reason: string): Promise<'skipped'> {
  await settleMail(sql, key, { status: 'skipped', reason })
  return 'skipped'
}

async function handleProblem(
  { config, log, mail: room, sql }: SendDeps,
  key: MailKey,
  { claims, attempts }: ClaimedMail,
  domain: string,
  error: unknown,
): Promise<SendOutcome> {
  const kind = error instanceof MailProblem ? error.kind : 'refused_for_now'
  const reason = error instanceof Error ? error.message : String(error)
  if (kind === 'server_away') {
    const seconds = room.watch.pauseSeconds()
    await postponeMail(sql, key, { claims, attempts, seconds, reason })
    return 'left'
  }
  const tries = attempts + 1
  const told = { ...key, domain, reason, tries }
  if (kind === 'refused' || tries >= config.jobMaxAttempts) {
    await settleMail(sql, key, { status: 'failed', reason })
    log.error(told, 'A mail could not be sent and is given up')
    return 'failed'
  }
  const seconds = firstRetrySeconds * retryFactor ** attempts
  await postponeMail(sql, key, { claims, attempts: tries, seconds, reason })
  log.warn(told, 'A mail could not be sent and is tried again')
  return 'retried'
}

async function settleSurely({ sql, log }: SendDeps, key: MailKey): Promise<void> {
  const deadline = performance.now() + settleForMs
  for (;;) {
    try {
      await settleMail(sql, key, { status: 'sent', reason: null })
      return
    } catch (error) {
      if (toAppError(error)?.status !== 503 || performance.now() > deadline) throw error
      log.warn({ err: error, ...key }, 'A mail was sent, and PostgreSQL is away to be told')
      await sleep(settleEveryMs)
    }
  }
}
