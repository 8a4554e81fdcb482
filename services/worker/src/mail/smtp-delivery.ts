import type { MailServer } from '@latchkey/platform/config/settings/mail'
import type { Logger } from '@latchkey/platform/logging/logger'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import { composeMessage } from './compose-message.js'
import { MailProblem, type MailDelivery } from './mail.js'
import { finishStep, openSmtpConnection } from './smtp-connection.js'
import { describeSmtpError, domainOf, isFinalRefusal } from './smtp-errors.js'

/** In all, from the connection to the answer that the mail is taken. Far shorter than a claim on a mail lasts. */
const deliveryTimeoutMs = 15_000
/** RFC 5321 lets servers hang up after five minutes; many do so earlier. */
const idleTimeoutMs = 20_000

/**
 * Hands mails in over SMTP, on connections that are used again. What fails before the server has heard of the mail is no fault
 * of the mail; whatever fails later is, because the server may have taken it: tried without end, it would arrive without end.
 */
export function createSmtpDelivery(
  server: MailServer,
  log: Logger,
  timeoutMs = deliveryTimeoutMs,
): MailDelivery {
  const open = new Set<SMTPConnection>()
  const idle: SMTPConnection[] = []

  async function takeConnection(signal: AbortSignal): Promise<SMTPConnection> {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (await isAlive(connection, signal)) return connection
      connection.close()
    }
    const connection = await openSmtpConnection(server, signal)
    open.add(connection)
    connection.once('end', () => {
      open.delete(connection)
      const index = idle.indexOf(connection)
      if (index !== -1) idle.splice(index, 1)
    })
    return connection
  }

  function putBack(connection: SMTPConnection): void {
    idle.push(connection)
    setTimeout(() => {
      const index = idle.indexOf(connection)
      if (index === -1) return
      idle.splice(index, 1)
      connection.quit()
    }, idleTimeoutMs).unref()
  }

  return {
    async deliver(mail) {
      const message = await composeMessage(mail)
      const signal = AbortSignal.timeout(timeoutMs)
      const connection = await takeConnection(signal).catch((error: unknown) => {
        throw new MailProblem('server_away', describeSmtpError(error, mail.to))
      })
      const envelope = { from: mail.from.address, to: [mail.to] }
      try {
        await finishStep(connection, signal, (done) => connection.send(envelope, message, done))
      } catch (error) {
        connection.close()
        throw new MailProblem(
          isFinalRefusal(error) ? 'refused' : 'refused_for_now',
          describeSmtpError(error, mail.to),
        )
      }
      putBack(connection)
      log.info({ messageId: mail.messageId, domain: domainOf(mail.to) }, 'A mail was sent')
    },
    close() {
      for (const connection of open) connection.close()
    },
  }
}

/** RSET: also takes back what a mail before may have left (RFC 5321, 4.1.1.5). */
async function isAlive(connection: SMTPConnection, signal: AbortSignal): Promise<boolean> {
  try {
    await finishStep(connection, signal, (done) => connection.reset(done))
    return true
  } catch {
    return false
  }
}
