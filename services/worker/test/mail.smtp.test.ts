// Attack: whoever sits on the way to the mail server, or in its place, wants the mails, the password, or mails that come twice.
import t, { type Test } from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { loadSettings } from '@latchkey/platform/config/config'
import type { SMTPServerOptions } from 'smtp-server'
import { createSmtpDelivery } from '@latchkey/worker/mail/smtp-delivery'
import type { Mail, MailDelivery } from '@latchkey/worker/mail/mail'
import { startMailServer } from './support/mail-server.js'
import { recordLog } from './support/log-lines.js'
import { selfSignedCertificate, selfSignedKey } from '@latchkey/devstack/testing/self-signed'

const certificate = { key: selfSignedKey, cert: selfSignedCertificate }
const mail: Mail = {
  messageId: '0190-id.new-device@example.com',
  from: { name: 'Latchkey', address: 'no-reply@example.com' },
  to: 'grace.hopper@example.org',
  date: new Date('2030-01-02T03:04:05Z'),
  language: 'en',
  subject: 'Zugriff für dich',
  text: 'Hello\n.\nGrüße\n',
  html: '<p>Grüße</p>',
}

const { log, lines } = recordLog()

function deliveryTo(t: Test, url: string, timeoutMs?: number): MailDelivery {
  const { mailUrl } = loadSettings({ MAIL_URL: url, MAIL_FROM: 'a@example.com' }, ['mailUrl', 'mailFrom'])
  const delivery = createSmtpDelivery(mailUrl!, log, timeoutMs)
  t.teardown(() => delivery.close())
  return delivery
}

t.test('a mail arrives as it was written, over a connection that the next one uses again', async (t) => {
  let connections = 0
  const server = await startMailServer(t, {
    onConnect(_session, done) {
      connections += 1
      done()
    },
  })
  const delivery = deliveryTo(t, server.url)
  await delivery.deliver(mail)
  await delivery.deliver({ ...mail, messageId: 'second@example.com' })
  t.equal(connections, 1)
  const [first, second] = server.mails
  t.match(first, {
    from: 'no-reply@example.com',
    to: ['grace.hopper@example.org'],
    text: /^Hello\r?\n\.\r?\nGrüße/,
    html: /^<p>Grüße<\/p>/,
  })
  const headers = Object.fromEntries(first!.headers)
  t.match(headers, {
    'message-id': ['<0190-id.new-device@example.com>'],
    date: [/^Wed, 02 Jan 2030 03:04:05/],
    subject: ['Zugriff für dich'],
    from: ['Latchkey <no-reply@example.com>'],
    to: ['grace.hopper@example.org'],
    'auto-submitted': ['auto-generated'],
    'content-language': ['en'],
  })
  t.match(second?.headers.get('message-id'), ['<second@example.com>'])
  t.notMatch(JSON.stringify(lines), 'grace.hopper', 'the log names the domain alone')
  t.match(JSON.stringify(lines), '"domain":"example.org"')
})

t.test('a connection that the server has closed meanwhile is replaced', async (t) => {
  const server = await startMailServer(t)
  const delivery = deliveryTo(t, server.url)
  await delivery.deliver(mail)
  await server.close()
  const again = await startMailServer(t, {}, server.port)
  await delivery.deliver(mail)
  t.equal(again.mails.length, 1)
})

t.test('user and password', async (t) => {
  const options: SMTPServerOptions = {
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'us@er' && password === 'p:w%' ? done(null, { user: username }) : done(new Error('no')),
  }
  const server = await startMailServer(t, options)
  const withLogin = (login: string) => server.url.replace('//', `//${login}@`)
  await deliveryTo(t, withLogin('us%40er:p%3Aw%25')).deliver(mail)
  t.equal(server.mails[0]?.user, 'us@er')
  await t.rejects(
    deliveryTo(t, withLogin('us%40er:wrong')).deliver(mail),
    { kind: 'server_away', message: /^Invalid login: 535/ },
    'the operator has to mend it; no mail is lost for it',
  )
})

t.test('a certificate that nobody vouches for is refused, before anything is told', async (t) => {
  const atOnce = await startMailServer(t, { secure: true, ...certificate })
  await t.rejects(deliveryTo(t, atOnce.url).deliver(mail), {
    kind: 'server_away',
    message: /self-signed certificate/,
  })
  const upgraded = await startMailServer(t, { disabledCommands: ['AUTH'], ...certificate })
  const delivery = createSmtpDelivery(
    { host: 'localhost', port: upgraded.port, tls: 'starttls', login: null },
    log,
  )
  await t.rejects(delivery.deliver(mail), { kind: 'server_away', message: /self-signed certificate/ })
  t.same([...atOnce.tried, ...upgraded.tried], [])
})

t.test('a server that offers no STARTTLS, or one in between that hides it, gets nothing', async (t) => {
  const server = await startMailServer(t)
  const delivery = createSmtpDelivery(
    { host: 'localhost', port: server.port, tls: 'starttls', login: { user: 'u', password: 'CANARY' } },
    log,
  )
  await t.rejects(delivery.deliver(mail), { kind: 'server_away', message: /STARTTLS/ })
  t.same(server.tried, [])
})

t.test('what the server says to a mail decides whether it is tried again', async (t) => {
  const server = await startMailServer(t)
  const delivery = deliveryTo(t, server.url)
  const cases = [
    [451, 'refused_for_now'],
    [421, 'refused_for_now'],
    [503, 'refused_for_now'],
    [550, 'refused'],
    [554, 'refused'],
  ] as const
  for (const [code, kind] of cases) {
    server.onRecipient = () => ({ code, text: 'no <Grace.Hopper@example.org>, grace.hopper' })
    await t.rejects(delivery.deliver(mail), { kind, message: /\[recipient\]/ }, `${code} to the recipient`)
    server.onRecipient = () => null
    server.onMail = () => ({ code, text: 'no' })
    await t.rejects(delivery.deliver(mail), { kind, message: /./ }, `${code} to the mail`)
    server.onMail = () => null
  }
  await delivery.deliver(mail)
  t.equal(server.mails.length, 1)
})

t.test('no reason that is stored or logged has the address, however a server quotes it', async (t) => {
  const server = await startMailServer(t)
  server.onRecipient = () => ({
    code: 550,
    text: 'GRACE.HOPPER@EXAMPLE.ORG: grace.hopper is unknown\u001b[2J here',
  })
  const error = (await deliveryTo(t, server.url)
    .deliver(mail)
    .catch((thrown: unknown) => thrown)) as Error
  t.match(error.message, 'is unknown')
  t.notMatch(error.message, /grace\.hopper/i)
  // oxlint-disable-next-line eslint/no-control-regex
  t.notMatch(error.message, /[\u0000-\u001f]/)
})

t.test(
  'a server that takes the mail and does not say so is given up, and the mail counted as tried',
  async (t) => {
    const server = await startMailServer(t)
    let answer = (): void => undefined
    server.onMail = () => new Promise((resolve) => (answer = () => resolve(null)))
    await t.rejects(deliveryTo(t, server.url, 300).deliver(mail), {
      kind: 'refused_for_now',
      message: 'No answer in time',
    })
    answer()
  },
)

t.test('a server that is away, or silent from the start, has seen nothing of the mail', async (t) => {
  const server = await startMailServer(t)
  await server.close()
  await t.rejects(deliveryTo(t, server.url).deliver(mail), { kind: 'server_away', message: /ECONNREFUSED/ })
  const silent = await startMailServer(t, { onConnect: () => undefined })
  await t.rejects(deliveryTo(t, silent.url, 300).deliver(mail), { kind: 'server_away', message: /./ })
})

t.test('closing gives up what is under way', async (t) => {
  const server = await startMailServer(t)
  server.onMail = () => new Promise(() => undefined)
  const delivery = deliveryTo(t, server.url)
  const delivering = t.rejects(delivery.deliver(mail), { kind: 'refused_for_now', message: /./ })
  await waitFor(() => server.tried.length === 1, { what: 'the mail to be under way' })
  delivery.close()
  await delivering
})

t.test('an address that SMTP cannot carry is refused for good', async (t) => {
  const server = await startMailServer(t)
  const delivery = deliveryTo(t, server.url)
  for (const to of ['a@b.example\r\nRCPT TO:<thief@example.com>', '<>', ''])
    await t.rejects(delivery.deliver({ ...mail, to }), { kind: 'refused', message: /./ }, JSON.stringify(to))
  t.same(server.mails, [])
})
