// Attack: a device name, a user agent or a person's name that reads as a message from us, with a link, in a mail from us.
import fc from 'fast-check'
import t from 'tap'
import { shownText } from '@latchkey/worker/mail/shown-text'

const table: [name: string, text: string, shown: string | null][] = [
  ['a name', 'Ada Lovelace-King, née Byron (Countess)', 'Ada Lovelace-King, née Byron (Countess)'],
  ['initials', "J. R. O'Hara jr.", "J. R. O'Hara jr."],
  ['letters with marks', 'प्रिया शर्मा', 'प्रिया शर्मा'],
  [
    'a user agent',
    'Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0',
    'Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0',
  ],
  ['a link', 'Locked! https://evil.example/login?a=b', 'Locked https //evil example/login a b'],
  ['a bare domain', 'see evil.example now', 'see evil example now'],
  ['a domain in full-width letters', 'ｅｖｉｌ．ｅｘａｍｐｌｅ', 'evil example'],
  ['a domain with an ideographic dot', 'evil。example', 'evil example'],
  ['a domain behind digits', '1.2.3.evil.example', '1.2evil example'],
  ['an address', 'mail thief@evil.example', 'mail thief evil example'],
  ['an IPv4 address', 'go to 203.0.113.7/x', 'go to 203.0/x'],
  ['a telephone number', 'call +1 (800) 555-0199 now', 'call +… now'],
  ['a header', 'Laptop\r\nBcc: thief', 'Laptop Bcc thief'],
  ['HTML', '<a href="//evil">x</a>', 'a href //evil x /a'],
  ['what is invisible or turns around', 'a\u200bb\u202ec\u2066d\ufeff', 'abcd'],
  ['a pile of marks', `a${'\u0301'.repeat(50)}b`, `á${'\u0301'.repeat(4)}b`],
  ['nothing', ' \u0000\u200b ', null],
]

for (const [name, text, shown] of table) {
  t.test(name, async (t) => t.equal(shownText(text, 60), shown))
}

t.test('is cut between what a reader takes for characters', async (t) => {
  t.equal(shownText('x'.repeat(20), 10), 'xxxxxxxxxx…')
  t.equal(shownText('कि'.repeat(5), 3), 'किकिकि…')
  t.equal(shownText(null, 10), null)
  t.equal(shownText('né '.repeat(5000), 5), 'né né…')
})

t.test('whatever is sent, nothing that a mail program makes a link of is left', async (t) => {
  const pieces = fc.constantFrom(
    'http://',
    'www.',
    'evil',
    '.com',
    '．',
    '。',
    '@',
    ':',
    '/',
    '\n',
    '1.2.3.4',
    '+1 800 555 0199',
    'é',
    '\u202e',
    '<',
    '😀',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 30 }), (parts) => {
      const shown = shownText(parts.join(''), 60) ?? ''
      return !/[:@<>"\p{C}\n]|\p{L}\.[\p{L}\p{N}]|\.\p{L}|\d+\.\d+\.\d|\d{7}/u.test(shown)
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
