// Property: a number that its issuer would not give is refused, and no text takes longer than its length allows.
import { formatMessages } from '@latchkey/platform/traits/trait-formats'
import { createTraitsAjv } from '@latchkey/platform/traits/traits-ajv'
import t from 'tap'

const ajv = createTraitsAjv()
const checks = new Map(
  Object.keys(formatMessages).map((format) => [format, ajv.compile({ type: 'string', format })]),
)
const is = (format: string, text: string): boolean => checks.get(format)?.(text) === true

// As published, as examples and on invoices. The check digit is Luhn's in base 36, as the GST Network describes it: the values of the first
// fourteen characters (0 to 9, then A to Z) count once and twice in turn from the left; quotient and remainder of each product by 36 are
// added up; the digit brings the sum to a multiple of 36.
const gstins = [
  '27AAPFU0939F1ZV',
  '07AAPFU0939F1ZX',
  '27AAACR5055K1Z7',
  '07AAACR5055K1Z9',
  '29AAACI4798L1ZU',
  '27AAACR4849R1ZL',
  '29AAGCB7383J1Z4',
  '27AAACT2727Q1ZW',
  '19AAACI1681G1ZM',
  '06AAACM0829Q1Z8',
]
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'

t.test('a GSTIN is one by its check digit, and not when any one character is another', async (t) => {
  for (const gstin of gstins) {
    t.ok(is('gstin', gstin), gstin)
    const misspelt = Array.from(gstin).flatMap((own, index) =>
      Array.from(alphabet)
        .filter((other) => other !== own)
        .map((other) => gstin.slice(0, index) + other + gstin.slice(index + 1)),
    )
    t.same(
      misspelt.filter((text) => is('gstin', text)),
      [],
    )
  }
})

t.test('a GSTIN has a state, a PAN and a number, in upper case and nothing around it', async (t) => {
  for (const text of [
    '00AAPFU0939F1ZB', // no such state
    '39AAPFU0939F1ZQ',
    '27AAPXU0939F1ZU', // no such kind of holder
    '27AAPFU0939F0ZW', // registrations count from 1
    '27aapfu0939f1zv',
    ' 27AAPFU0939F1ZV',
    '27AAPFU0939F1ZV\n',
    '27AAPFU0939F1Z',
    '27AAPFU0939F1ZVV',
    '',
  ])
    t.notOk(is('gstin', text), text)
})

t.test('a PAN names the kind of its holder', async (t) => {
  for (const text of ['AAAPL1234C', 'AAAPZ1234C', 'AAACR5055K', 'AAPFU0939F', 'AABCB5576G', 'AAATA1234A'])
    t.ok(is('pan', text), text)
  for (const text of ['AAAXL1234C', 'AAAPL1234', 'AAAPL12345', 'aaapl1234c', 'AAAPL1234C ', 'AAAP11234C', ''])
    t.notOk(is('pan', text), text)
})

t.test('a phone number is in E.164', async (t) => {
  for (const text of [
    '+919876543210',
    '+14155552671',
    '+442071838750',
    '+55115525632',
    '+12345678',
    '+123456789012345',
  ])
    t.ok(is('phone', text), text)
  for (const text of [
    '919876543210',
    '+0919876543210',
    '+1234567',
    '+1234567890123456',
    '+91 98765 43210',
    '+91-9876543210',
    '+९१९८७६५४३२१०',
    '+919876543210\n',
    '00919876543210',
  ])
    t.notOk(is('phone', text), text)
})

t.test('addresses, days, times, URIs and UUIDs', async (t) => {
  const cases: [format: string, good: string[], bad: string[]][] = [
    [
      'email',
      ['a@example.com', 'a+b@Bücher.example'],
      ['a', 'a@b', 'a@example.com\r\nBcc: b@c.example', ' a@example.com'],
    ],
    ['date', ['2024-02-29'], ['2023-02-29', '2024-2-9', '2024-13-01', '2024-02-29T00:00:00Z']],
    ['time', ['09:30:00Z', '09:30:00+05:30'], ['9:30', '25:00:00Z']],
    ['date-time', ['2026-01-31T09:30:00Z'], ['2026-01-31', '2026-02-31T09:30:00Z']],
    [
      'uri',
      ['https://example.com/a?b#c', 'urn:isbn:0451450523'],
      ['example.com', 'https://exa mple.com', '/a'],
    ],
    ['uuid', ['018f3c5e-7a0b-7c1d-8e2f-3a4b5c6d7e8f'], ['018f3c5e7a0b7c1d8e2f3a4b5c6d7e8f']],
  ]
  for (const [format, good, bad] of cases) {
    for (const text of good) t.ok(is(format, text), `${format} ${text}`)
    for (const text of bad) t.notOk(is(format, text), `${format} ${text}`)
  }
})

t.test('hostile texts of the greatest length are refused in no time', async (t) => {
  const times = (text: string): string => text.repeat(Math.floor(16_000 / text.length))
  const hostile = ['a', 'a.', 'a-', '1', '+1', '%20', 'a@', ':', '/a', '1:', 'http://', '0:0:', '0-'].flatMap(
    (text) => [times(text), `${times(text)} !`, `a@${times(text)}!`, `http://[${times(text)}`],
  )
  for (const format of Object.keys(formatMessages)) {
    const startedAt = performance.now()
    for (const text of hostile) is(format, text)
    t.ok(performance.now() - startedAt < 1000, format)
  }
})
