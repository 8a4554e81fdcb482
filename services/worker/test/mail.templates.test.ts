// Attack: values that are templates, HTML or headers. And an operator's slip, which must show at the start and not in a mail.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mailLinkOf, mailTemplateNames, operatorMail, type MailTemplateName } from '@latchkey/contracts/mails'
import { loadMailTemplates, type MailValues } from '@latchkey/worker/mail/templates'
import { writeMail, type MailOccasion } from '@latchkey/worker/mail/write-mail'

const values: MailValues = {
  service: 'auth.example.com',
  publicUrl: 'https://auth.example.com',
  name: 'Grace',
  time: '2 January 2030 at 03:04 UTC',
  device: 'Laptop',
  userAgent: 'Firefox',
  ip: '203.0.113.7',
  link: null,
  rule: 'mfa-fatigue',
  actions: 'mail_owner lock',
  alerts: null,
  more: null,
}
const missing = { ...values, name: null, device: null, userAgent: null, ip: null }
const link = 'https://auth.example.com/verify-email#token=lkl_A'
/** What somebody did who may be anybody: what that one calls himself is not for the reader. */
const byAnybody: ReadonlySet<string> = new Set(['account-exists', 'account-locked', 'suspicious-activity'])
/** To operators, who have a test of their own with the alerts. */
const isForUsers = (name: MailTemplateName): boolean => name !== operatorMail
/** By then nobody knows what the device was called. */
const fromNoSession: ReadonlySet<string> = new Set([...byAnybody, 'account-deleted'])

t.test(
  'each mail without a link is there in English, as text and as HTML, with all that it tells',
  async (t) => {
    const templates = loadMailTemplates(null)
    for (const name of mailTemplateNames.filter((one) => isForUsers(one) && mailLinkOf(one) === null)) {
      const template = templates.find(name, null)
      t.equal(template.language, 'en')
      const { subject, text, html } = template.render(values)
      t.match(subject, 'auth.example.com')
      const userAgent = byAnybody.has(name) ? [] : ['Firefox']
      const device = fromNoSession.has(name) ? [] : ['Laptop']
      for (const shown of ['Grace', values.time, '203.0.113.7', ...userAgent, ...device]) {
        t.match(text, shown, name)
        t.match(html, shown, name)
      }
      t.notMatch(text + html, /https?:|href|src=/, name)
      t.match(html, /^<!doctype html>\n<html lang="en">/)
      const bare = template.render(missing)
      t.match(bare.text, /^Hello,\n/)
      t.notMatch(bare.text + bare.html, /null|undefined|Device|Address/, name)
      t.notMatch(bare.text, /\n\n\n/)
    }
  },
)

t.test('each mail with a link is there in English, with that one link', async (t) => {
  const templates = loadMailTemplates(null)
  for (const name of mailTemplateNames.filter((one) => mailLinkOf(one) !== null)) {
    const { subject, text, html } = templates.find(name, null).render({ ...values, link })
    t.match(subject, 'auth.example.com')
    for (const shown of [values.time, '203.0.113.7', link]) {
      t.match(text, shown, name)
      t.match(html, shown, name)
    }
    t.equal((text + html).split('https:').length - 1, 2, name)
    t.notMatch(text + html, /Laptop|Firefox/, name)
  }
})

t.test('values stay text: neither HTML, nor a template, nor a second line of the subject', async (t) => {
  const folder = t.testdir({
    en: {
      'new-device.liquid':
        '--- subject\n{{ device }}\n--- text\n{{ device }}\n--- html\n<p title="{{ device }}">{{ device }}</p>',
    },
  })
  const device = `<img src=x onerror=alert(1)>"'&{{ publicUrl }}{% if %}\${7*7}\r\nBcc: thief@example.com`
  const { subject, text, html } = loadMailTemplates(folder)
    .find('new-device', null)
    .render({ ...values, device })
  t.equal(subject, device.replace('\r\n', ' '))
  t.match(text, device)
  t.notMatch(html, /<img|"'/)
  t.match(html, '&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&amp;{{ publicUrl }}{% if %}${7*7}')
})

t.test("the operator's files take the place of ours, one by one, in any language", async (t) => {
  const folder = t.testdir({
    'README.md': 'mine',
    '..data': {},
    en: { 'layout.liquid': '--- text\nBrand: {{ content }}\n--- html\n<b>Brand</b>{{ content | raw }}' },
    'pt-BR': {
      'new-device.liquid':
        'A comment.\n--- subject\nNovo {{ service }}\n--- text\nOlá {{ name }}\n--- html\n<i>Olá {{ name }}</i>',
    },
  })
  const templates = loadMailTemplates(folder)
  t.match(templates.find('new-device', 'en').render(values).text, /^Brand: your account was signed in/)
  const own = templates.find('new-device', 'pt-br')
  t.equal(own.language, 'pt-br')
  t.same(own.render(values), {
    subject: 'Novo auth.example.com',
    text: 'Brand: Olá Grace\n',
    html: '<b>Brand</b><i>Olá Grace</i>\n',
  })
  t.equal(templates.find('password-changed', 'pt-BR').language, 'en', 'where there is none, English')
  t.equal(templates.find('new-device', 'pt-BR-x').language, 'pt-br')
  for (const locale of ['pt', 'de', '../../etc', '', 'toString'])
    t.equal(templates.find('new-device', locale).language, 'en', locale)
})

const whole = '--- subject\ns\n--- text\nt\n--- html\nh\n'
const broken: [name: string, files: object, problem: RegExp][] = [
  [
    'an output that is not closed',
    { en: { 'new-device.liquid': whole.replace('\nt\n', '\na\n{{ name\n') } },
    /new-device\.liquid, line 5: output "\{\{ name" not closed$/,
  ],
  [
    'an unknown variable, in a branch that is hardly ever taken',
    {
      en: {
        'new-device.liquid': whole.replace('\nh\n', '\n{% if name == "x" %}\n{{ pasword }}{% endif %}\n'),
      },
    },
    /new-device\.liquid, line 7: there is no variable pasword; variables are service/,
  ],
  [
    'an unknown filter',
    { en: { 'new-device.liquid': whole.replace('\nh\n', '\n{{ name | shout }}\n') } },
    /line 6: undefined filter: shout$/,
  ],
  [
    'another file',
    { en: { 'new-device.liquid': whole.replace('\nh\n', '\n{% render "/etc/passwd" %}\n') } },
    /line 6: tag "render" not found$/,
  ],
  [
    'what cannot be worked out',
    {
      en: {
        'new-device.liquid': whole.replace('\nh\n', '\n{% for i in (1..999999999) %}{{ i }}{% endfor %}\n'),
      },
    },
    /line 6: /,
  ],
  [
    'a missing part',
    { en: { 'new-device.liquid': '--- subject\ns\n--- text\nt\n' } },
    /line 1: the part html is missing/,
  ],
  ['an unknown part', { en: { 'new-device.liquid': `${whole}--- body\n` } }, /line 7: there is no part body/],
  [
    'a part that is there twice',
    { en: { 'new-device.liquid': `${whole}--- text\n` } },
    /line 7: the part text is there twice/,
  ],
  [
    'a mail that we do not send',
    { en: { 'new_device.liquid': whole } },
    /new_device\.liquid, line 1: there is no such mail; mails are session-reuse/,
  ],
  [
    'a folder that is no language',
    { english: { 'new-device.liquid': whole } },
    /english, line 1: a folder is named like a language/,
  ],
  [
    'a layout that is broken',
    { en: { 'layout.liquid': '--- text\n{{ content }}\n--- html\n{{ contents }}' } },
    /layout\.liquid, line 4: there is no variable contents/,
  ],
]
for (const [name, files, problem] of broken) {
  t.test(`refused at the start: ${name}`, async (t) => {
    const folder = t.testdir(files as Parameters<Test['testdir']>[0])
    t.throws(() => loadMailTemplates(folder), { name: 'TemplateProblem', message: problem })
  })
}

t.test('refused at the start: a folder that is not there', async (t) => {
  t.throws(() => loadMailTemplates(join(t.testdirName, 'nowhere')), {
    message: /the folder cannot be read \(ENOENT\)/,
  })
})

t.test('a mail names its event, its reader and its time, and cleans what strangers chose', async (t) => {
  const occasion: MailOccasion = {
    eventId: '0190b5c8-0000-7000-8000-000000000000',
    template: 'new-device',
    createdAt: new Date('2030-01-02T03:05:00Z'),
    occurredAt: new Date('2030-01-02T03:04:00Z'),
    email: 'grace@example.org',
    name: 'Grace https://evil.example',
    locale: 'fr',
    deviceName: 'You won! evil.example',
    userAgent: 'x'.repeat(5000),
    ip: '2001:db8::1',
    link: null,
    rule: null,
    actions: null,
    alerts: null,
    more: null,
  }
  const config = {
    mailFrom: { name: '', address: 'auth@mail.example.com' },
    publicUrl: 'https://auth.example.com:8443/x',
  }
  const mail = writeMail(config, loadMailTemplates(null), occasion)
  t.match(mail, {
    messageId: '0190b5c8-0000-7000-8000-000000000000.new-device@mail.example.com',
    to: 'grace@example.org',
    language: 'en',
    subject: 'New sign-in to your account at auth.example.com:8443',
    text: /January 2, 2030 at 03:04 UTC\n {2}Device: You won evil example\n/,
  })
  t.notMatch(mail.text + mail.html, 'evil.example')
  t.ok(mail.text.length < 1000)
})
