import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'
import { readMail, type ReadMail } from './read-mail.js'

export interface ReceivedMail extends ReadMail {
  readonly from: string
  /** Of the envelope. */
  readonly to: readonly string[]
  readonly wasEncrypted: boolean
  /** Who signed in to hand it in. */
  readonly user: string | null
}

/** What the server says to a mail, and after how long; `null` takes it. */
export type Answer = { readonly code: number; readonly text: string } | null

export interface MailServer {
  /** Without user and password. */
  readonly url: string
  readonly port: number
  /** Those that it has taken, in order. */
  readonly mails: ReceivedMail[]
  /** Recipients that were tried, refused ones included. */
  readonly tried: string[]
  /** Decides about each recipient, and about each mail when it is there. */
  onRecipient: (address: string) => Answer | Promise<Answer>
  onMail: (mail: ReceivedMail) => Answer | Promise<Answer>
  close(): Promise<void>
}

type Done = (error?: Error | null) => void

interface TestScope {
  teardown: (release: () => Promise<void>) => void
}

/** A real SMTP server on a port of its own, or on the one given. It offers neither TLS nor sign-in unless `options` say so. */
export async function startMailServer(
  t: TestScope,
  options: SMTPServerOptions = {},
  port = 0,
): Promise<MailServer> {
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 10,
    onRcptTo: ({ address }, _session, done) => void decideRecipient(address, done),
    onData: (stream, session, done) => void decideMail(stream, session, done),
    ...options,
  })
  server.on('error', () => undefined) // of connections that clients break off
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
  const address = server.server.address() as AddressInfo

  let closed: Promise<void> | null = null
  const control: MailServer = {
    url: `${options.secure === true ? 'smtps' : 'smtp'}://localhost:${address.port}`,
    port: address.port,
    mails: [],
    tried: [],
    onRecipient: () => null,
    onMail: () => null,
    close: () => (closed ??= new Promise((resolve) => server.close(() => resolve()))),
  }
  t.teardown(() => control.close())

  async function decideRecipient(recipient: string, done: Done): Promise<void> {
    control.tried.push(recipient)
    done(errorOf(await control.onRecipient(recipient)))
  }
  async function decideMail(
    stream: Readable,
    { envelope, secure, user }: SMTPServerSession,
    done: Done,
  ): Promise<void> {
    const source = await text(stream).catch(() => null)
    if (source === null) return // the client was killed in the middle of it
    const mail = {
      ...readMail(source),
      from: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
      to: envelope.rcptTo.map(({ address: recipient }) => recipient),
      wasEncrypted: secure,
      user: typeof user === 'string' ? user : null,
    }
    const answer = await control.onMail(mail)
    if (answer === null) control.mails.push(mail)
    done(errorOf(answer))
  }
  return control
}

function errorOf(answer: Answer): Error | null {
  return answer === null ? null : Object.assign(new Error(answer.text), { responseCode: answer.code })
}
