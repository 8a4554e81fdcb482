// Attack: a slip in MAIL_URL that sends passwords and mails in the clear, or options of a library that nobody meant to offer.
import t from 'tap'
import { leastEnv, load, problemsOf } from './support/config-problems.js'

const MAIL_FROM = 'no-reply@example.com'

t.test('an address of a mail server', async (t) => {
  const cases: [url: string, server: object][] = [
    ['smtp://mail.example.com', { host: 'mail.example.com', port: 587, tls: 'starttls', login: null }],
    ['smtps://mail.example.com', { port: 465, tls: 'at-once' }],
    [
      'smtp://u%40x:p%3A%25@h:2525/',
      { host: 'h', port: 2525, tls: 'starttls', login: { user: 'u@x', password: 'p:%' } },
    ],
    ['smtp://relay:25?tls=off', { port: 25, tls: 'off', login: null }],
    ['smtp://localhost:1025', { tls: 'off' }],
    ['smtp://u:p@127.0.0.1:1025?tls=off', { tls: 'off', login: { user: 'u', password: 'p' } }],
    ['smtp://[::1]:1025', { host: '::1', tls: 'off' }],
    ['smtp://[2001:db8::1]', { host: '2001:db8::1', tls: 'starttls' }],
    ['smtps://localhost', { tls: 'at-once' }],
    ['smtp://localhost.example.com', { tls: 'starttls' }],
  ]
  for (const [url, server] of cases)
    t.match(load({ ...leastEnv, MAIL_URL: url, MAIL_FROM }).mailUrl, server, url)
  t.equal(load(leastEnv).mailUrl, null)
})

t.test('what is refused', async (t) => {
  const cases: [url: string, problem: RegExp][] = [
    ['mail.example.com', /must be a URL like smtp:/],
    ['http://mail.example.com', /must be a URL like smtp:/],
    ['smtp://', /must be a URL like smtp:/],
    ['smtp://h/path', /must be a URL like smtp:/],
    ['smtp://h#x', /must be a URL like smtp:/],
    ['smtp://h:99999', /must be a URL like smtp:/],
    ['smtp://h?tls=OFF', /takes no option but \?tls=off/],
    ['smtp://h?tls.rejectUnauthorized=false', /takes no option but/],
    ['smtp://h?tls=off&pool=true', /takes no option but/],
    ['smtps://h?tls=off', /must not have \?tls=off with smtps/],
    ['smtp://u:p@h?tls=off', /must not send a password without TLS/],
    ['smtp://u@h', /both a user and a password/],
    ['smtp://u:%zz@h', /must write a %/],
  ]
  for (const [url, problem] of cases)
    t.match(problemsOf({ ...leastEnv, MAIL_URL: url, MAIL_FROM }), [problem], url)
  t.match(problemsOf({ ...leastEnv, MAIL_URL: 'smtp://h' }), [/^MAIL_FROM is required with MAIL_URL$/])
})

t.test('a sender', async (t) => {
  const from = (text: string) => load({ ...leastEnv, MAIL_FROM: text }).mailFrom
  t.same(from('no-reply@example.com'), { name: '', address: 'no-reply@example.com' })
  t.same(from('Büro & Co. <no-reply@example.com>'), { name: 'Büro & Co.', address: 'no-reply@example.com' })
  t.same(from('"Latchkey, Inc." <a@b.example>'), { name: 'Latchkey, Inc.', address: 'a@b.example' })
  for (const text of [
    'no-reply',
    'a@b@c',
    'A <a@b.example> B',
    'A <a@b.example>, B <b@b.example>',
    'A\r\nBcc: x <a@b.example>',
    'a b@c.example',
    'a@-',
  ])
    t.match(
      problemsOf({ ...leastEnv, MAIL_FROM: text }),
      [/^MAIL_FROM must be an address/],
      JSON.stringify(text),
    )
})
