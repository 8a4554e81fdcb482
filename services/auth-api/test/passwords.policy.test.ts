// Attacks: guessing what people choose first, for everyone (lists, patterns) or for one account (its own words).
import { readFileSync } from 'node:fs'
import { isCommonPassword } from '@latchkey/auth-api/features/passwords/common-passwords'
import { ownWords } from '@latchkey/auth-api/features/passwords/own-words'
import { assertGoodPassword } from '@latchkey/auth-api/features/passwords/assert-good-password'
import { assertPresentable, passwordFaults } from '@latchkey/auth-api/features/passwords/password-policy'
import { loadConfig } from '@latchkey/platform/config/config'
import { dictionary } from '@zxcvbn-ts/language-common'
import t from 'tap'

const owner = {
  email: 'alice.smith@lookingglass.example',
  username: 'tweedledum_7',
  name: 'Alice P. Liddell',
}
const service = { publicUrl: 'https://login.hatters.example', issuer: 'https://login.hatters.example' }
const config = loadConfig({ AUTH_SECRET: 'x'.repeat(32), DATABASE_URL: 'postgres://nobody@127.0.0.1/none' })
const measure = { minLength: 10, ownWords: ownWords(owner, service) }
const faultsOf = (password: string, minLength = 10): string[] =>
  passwordFaults(password, { ...measure, minLength })

const tooShort = 'must have at least 10 characters'
const tooLong = 'must have at most 128 characters'
const common = 'is a common password, alone or with digits and punctuation around it'
const pattern = 'is a short pattern repeated, or a row of letters, digits or keys'
const own = 'is made of your name, e-mail address or username, or of the name of this service'

t.test('any composition will do, if it is long and nobody’s first guess', (t) => {
  const good = [
    'aaaa bbbb cccc dddd',
    'correcthorsebatterystaple',
    'all lower case and spaces',
    '8274019356',
    '!"§$%&/()=?`',
    '🐢🐎🐙🦀🐝🐞🐛🐌🐚🐟',
    'Пароль для одной двери',
    '合言葉はまだ秘密です！',
    'alice met the dodo',
    'password of the dodo',
    'dragon 8274019356',
    'ab'.repeat(30) + ' and more of it',
  ]
  for (const password of good) t.same(faultsOf(password), [], password)
  t.end()
})

t.test('length is counted in characters, after normalisation', (t) => {
  const unlisted = 'zwölf boxk'
  t.same(faultsOf(unlisted), [])
  t.same(faultsOf(unlisted.slice(1)), [tooShort])
  t.same(faultsOf(unlisted.normalize('NFD').slice(1)), [tooShort], 'an accent of its own is no character')
  const long = 'the dodo said: '.repeat(9).slice(0, 128)
  t.same(faultsOf(long), [])
  t.same(faultsOf(`${long}!`), [tooLong])
  t.same(faultsOf(`${long.slice(0, 127)}ﷺ`), [tooLong], 'one code point that stands for 18')
  t.end()
})

t.test('the list is that of the package, each found and no other', (t) => {
  const listed = new Set(dictionary['passwords-common'])
  const file = readFileSync(new URL('../lists/common-passwords.txt', import.meta.url), 'utf8')
  const sorted = [...listed]
    .map((password) => Buffer.from(password))
    .toSorted((one, other) => one.compare(other))
  t.equal(file, sorted.map((password) => `${password.toString()}\n`).join(''))
  const neighbours = [...listed].flatMap((password) => [`${password}0`, password.slice(1), `${password}\n`])
  const odd = ['', '\n', '!', '~~~~~~~~', 'é', '\u{10ffff}']
  t.same(
    [...listed, ...neighbours, ...odd].filter((text) => isCommonPassword(text) !== listed.has(text)),
    [],
  )
  t.end()
})

t.test('every listed password of legal length is refused, in any case and decoration', (t) => {
  const listed = dictionary['passwords-common'].filter((password) => password.length >= 10)
  t.ok(listed.length > 1500)
  t.same(
    listed.filter((password) => !faultsOf(password).includes(common)),
    [],
  )
  for (const password of [
    'QwertyUIOP',
    'Password123!',
    '!!sunshine2024',
    'iloveyou__99',
    'passwordPassword',
    '１２３４５６７８９０',
  ])
    t.ok(faultsOf(password).includes(common), password)
  t.end()
})

t.test('patterns and rows are refused', (t) => {
  for (const password of [
    'zzzzzzzzzzz',
    '7e7e7e7e7e7',
    '..-...-...-.',
    'defghijklmno',
    '67890123456',
    'poiuytrewqpoi',
  ])
    t.same(faultsOf(password), [pattern], password)
  t.end()
})

t.test('what an attacker who picks this account tries first is refused', (t) => {
  const guesses = [
    'alice.smith2024!',
    'ALICE-smith--',
    'lookingglass!!1',
    'Tweedledum_7',
    'tweedledum77',
    'liddell20241',
    'Latchkey2024!',
    'hatters_12345',
  ]
  for (const password of guesses) t.same(faultsOf(password), [own], password)
  t.end()
})

t.test('the operator decides how long is long enough, and decoration is measured alike', (t) => {
  t.same(faultsOf('zwölf boxk', 12), ['must have at least 12 characters'])
  t.same(faultsOf('zwölfbox', 8), [])
  t.same(faultsOf('sunshine20244202', 8), [], 'eight digits are a password of their own')
  t.same(faultsOf('sunshine20244202', 9), [common])
  t.same(faultsOf('tweedledum_2024420', 8), [])
  t.same(faultsOf('tweedledum_2024420', 10), [own])
  t.end()
})

t.test('all reasons are told at once, at the field they are about', async (t) => {
  const deps = { config, breachedPasswords: { include: async () => t.fail('is asked about a refused one') } }
  const check = (password: string, present?: string) =>
    assertGoodPassword(deps, {
      password,
      owner,
      path: '/newPassword',
      ...(present !== undefined && { present }),
    })
  await t.rejects(check('Latchkey1', 'Latchkey1'), {
    code: 'password_rejected',
    status: 400,
    errors: [
      { path: '/newPassword', message: tooShort },
      { path: '/newPassword', message: own },
      { path: '/newPassword', message: 'is the one you have now' },
    ],
  })
})

t.test('a presented password is bounded and nothing else', (t) => {
  t.doesNotThrow(() => assertPresentable('old1', '/password'))
  t.doesNotThrow(() => assertPresentable('🐢'.repeat(128), '/password'))
  t.throws(() => assertPresentable('x'.repeat(129), '/password'), {
    code: 'validation_failed',
    errors: [{ path: '/password', message: tooLong }],
  })
  t.end()
})
