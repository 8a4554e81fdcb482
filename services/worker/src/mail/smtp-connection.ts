import { isIP } from 'node:net'
import type { MailServer } from '@latchkey/platform/config/settings/mail'
import SMTPConnection from 'nodemailer/lib/smtp-connection'

const connectTimeoutMs = 5000
/** For an answer to one command. */
const silenceTimeoutMs = 10_000

/** A connection on which mail can be handed in: encrypted and signed in as the settings say. */
export async function openSmtpConnection(server: MailServer, signal: AbortSignal): Promise<SMTPConnection> {
  const { host, port, tls, login } = server
  const connection = new SMTPConnection({
    host,
    port,
    secure: tls === 'at-once',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'off',
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(isIP(host) === 0 && { servername: host }) },
    dnsTimeout: connectTimeoutMs,
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: connectTimeoutMs,
    socketTimeout: silenceTimeoutMs,
    logger: false,
  })
  // One that breaks while nobody uses it says so here, and a listener is all that this needs.
  connection.on('error', () => undefined)
  try {
    await finishStep(connection, signal, (done) => connection.connect(done))
    if (login !== null) {
      const credentials = { user: login.user, pass: login.password }
      await finishStep(connection, signal, (done) => connection.login({ credentials }, done))
    }
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** Waits for one step of the conversation, for its connection to break, or for `signal`. */
export function finishStep(
  connection: SMTPConnection,
  signal: AbortSignal,
  start: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      connection.off('error', settle)
      connection.off('end', onEnd)
      signal.removeEventListener('abort', onAbort)
      if (error === undefined || error === null) resolve()
      else reject(error)
    }
    // What the server said as it hung up is told right after.
    const onEnd = (): void => void setImmediate(settle, new Error('The connection was closed'))
    const onAbort = (): void => settle(new Error('No answer in time'))
    connection.on('error', settle)
    connection.on('end', onEnd)
    signal.addEventListener('abort', onAbort)
    start(settle)
  })
}
