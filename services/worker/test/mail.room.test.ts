// What an operator and a developer see of mail: where it goes, when it does not go, and a slip in a template before it does harm.
// Alone: it starts servers and processes of its own.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createFolderDelivery } from '@latchkey/worker/mail/folder-delivery'
import type { Mail } from '@latchkey/worker/mail/mail'
import { createServerWatch } from '@latchkey/worker/mail/server-watch'
import { recordLog } from './support/log-lines.js'
import { readMail } from './support/read-mail.js'
import { runProgram } from './support/worker-process.js'

const mail: Mail = {
  messageId: 'an-id.new-device@localhost',
  from: { name: 'Latchkey', address: 'no-reply@localhost' },
  to: 'grace@example.org',
  date: new Date('2030-01-02T03:04:05.678Z'),
  language: 'en',
  subject: 'Hello',
  text: 'Hello\n',
  html: '<p>Hello</p>\n',
}

t.test('a mail in the folder is a file for its owner alone, and a line in the log', async (t) => {
  const folder = join(t.testdir(), 'made/when/needed')
  const { log, lines } = recordLog()
  const delivery = createFolderDelivery(folder, log)
  await delivery.deliver(mail)
  await delivery.deliver(mail)
  const name = '20300102T030405678Z-an-id.new-device.eml'
  t.same(readdirSync(folder), [name], 'the same mail is the same file')
  t.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.match(readMail(readFileSync(join(folder, name), 'utf8')), { text: /^Hello/, html: /^<p>Hello/ })
  t.match(lines[0], { level: 'info', to: 'grace@example.org', subject: 'Hello', file: join(folder, name) })
  delivery.close()
})

t.test('the folder keeps the newest thousand, and files of others', async (t) => {
  const folder = t.testdir({ 'notes.txt': 'mine', 'saved.eml': 'mine' })
  mkdirSync(folder, { recursive: true })
  for (let minute = 0; minute < 1000; minute++) {
    const time = new Date(Date.UTC(2029, 0, 1, 0, minute)).toISOString().replaceAll(/[-:.]/g, '')
    writeFileSync(join(folder, `${time}-old.new-device.eml`), '')
  }
  await createFolderDelivery(folder, recordLog().log).deliver(mail)
  const names = readdirSync(folder).toSorted()
  t.equal(names.length, 1002)
  t.equal(names[0], '20290101T000100000Z-old.new-device.eml', 'the oldest is gone')
  t.ok(names.includes('notes.txt') && names.includes('saved.eml'))
})

t.test(
  'while the mail server is away one mail tries, later and later, and two lines tell of it',
  async (t) => {
    const { log, lines } = recordLog()
    let now = 0
    const watch = createServerWatch(log, () => now)
    t.equal(watch.room(100), 100)
    const pauses: number[] = []
    for (let failure = 0; failure < 9; failure++) {
      watch.noteAway('connect ECONNREFUSED')
      watch.noteAway('connect ECONNREFUSED')
      pauses.push(watch.pauseSeconds())
      t.equal(watch.room(100), 0)
      now += watch.pauseSeconds() * 1000
      t.equal(watch.room(100), 1)
      t.equal(watch.pauseSeconds(), 0)
    }
    t.same(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60])
    watch.noteAnswer()
    watch.noteAnswer()
    t.equal(watch.room(100), 100)
    t.match(lines, [
      { level: 'error', msg: /mail server is away/, reason: 'connect ECONNREFUSED' },
      { level: 'info', msg: /mail server is back/ },
    ])
    t.equal(lines.length, 2)
  },
)

t.test('a broken template stops the start of the worker, with its file and line', async (t) => {
  const folder = t.testdir({
    de: { 'new-device.liquid': '--- subject\ns\n--- text\n{{ nam }}\n--- html\nh' },
  })
  const { code, stdout, stderr } = await runProgram(t, 'dist/main.js', {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    MAIL_TEMPLATES: folder,
  })
  t.equal(code, 78)
  t.equal(stdout, '')
  t.match(
    stderr,
    /^worker: .*\/de\/new-device\.liquid, line 4: there is no variable nam; variables are .*\n$/,
  )
})
