// Attacks: one mailbox under many spellings, header injection through an address, a domain that reads as another.
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import t from 'tap'

const same: [typed: string, stored: string][] = [
  ['alice@example.com', 'alice@example.com'],
  ['  alice@example.com ', 'alice@example.com'],
  ['Alice@EXAMPLE.Com', 'Alice@example.com'],
  ['ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ', 'alice@example.com'],
  ["o'hare+tag_1.x@mail.example.co.uk", "o'hare+tag_1.x@mail.example.co.uk"],
  ['hatter@Bücher.example', 'hatter@xn--bcher-kva.example'],
  ['hatter@bu\u0308cher.example', 'hatter@xn--bcher-kva.example'],
  ['hatter@例え.テスト', 'hatter@xn--r8jz45g.xn--zckzah'],
  ['hatter@xn--bcher-kva.example', 'hatter@xn--bcher-kva.example'],
  [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
]

t.test('an address is stored in one spelling', (t) => {
  for (const [typed, stored] of same) t.equal(normaliseEmail(typed), stored, typed)
  t.end()
})

const refused = [
  '',
  'alice',
  '@example.com',
  'alice@',
  'alice@@example.com',
  'alice@example.com@example.com',
  'alice@example.com\r\nBcc: everyone@example.com',
  'alice@exam\r\nple.com',
  'alice@example.com\n',
  'alice@exam\tple.com',
  'al\0ice@example.com',
  'alice\u200b@example.com',
  'alice\u202e@example.com',
  'alice@exam\u00adple.com',
  'al ice@example.com',
  '"al ice"@example.com',
  'alice<script>@example.com',
  'alice,bob@example.com',
  '.alice@example.com',
  'alice.@example.com',
  'al..ice@example.com',
  'älice@example.com',
  'alice@localhost',
  'alice@127.0.0.1',
  'alice@0x7f.1',
  'alice@[127.0.0.1]',
  'alice@[IPv6:::1]',
  'alice@example.com.',
  'alice@.example.com',
  'alice@example..com',
  'alice@-example.com',
  'alice@example-.com',
  'alice@example.123',
  'alice@exa%6Dple.com',
  'alice@example.com/path',
  'alice@example.com:25',
  'alice@exam_ple.com',
  'alice@xn--a.example',
  'alice@xn--abc-.com',
  `${'a'.repeat(65)}@example.com`,
  `alice@${'a'.repeat(64)}.com`,
  `alice@${'a.'.repeat(126)}com`,
]

t.test('what is no address, or more than one, is refused', (t) => {
  for (const typed of refused) t.equal(normaliseEmail(typed), null, JSON.stringify(typed))
  t.end()
})
