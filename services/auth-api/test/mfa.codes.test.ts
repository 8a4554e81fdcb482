// Attacks: a code that is old, of the future, or used; a seed or a token in another user's row; a recovery code that can be guessed.
// Alone: it starts servers and processes of its own.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { codeAt, findStep, newSeed, otpauthUrl, secretText } from '@latchkey/auth-api/features/mfa/totp'
import { hashMfaToken, newMfaToken } from '@latchkey/auth-api/features/mfa/mfa-token'
import { qrCodeDataUrl } from '@latchkey/auth-api/features/mfa/qr-code'
import { hashRecoveryCode, newRecoveryCodes } from '@latchkey/auth-api/features/mfa/recovery-code'
import { openSeed, resealSeed, sealSeed } from '@latchkey/auth-api/features/mfa/totp-seed'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import t from 'tap'
import { readQrCode } from './support/qr-codes.js'

const rfcSeed = Buffer.from('12345678901234567890')

t.test('codes are those of RFC 4226, appendix D', async (t) => {
  const expected = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489'.split(' ')
  t.same(
    expected.map((_, counter) => codeAt(rfcSeed, counter)),
    expected,
  )
})

t.test('codes are those of RFC 6238, appendix B, at their times', async (t) => {
  // Of the eight digits there an app shows the last six.
  const expected: [seconds: number, code: string][] = [
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ]
  for (const [seconds, code] of expected) {
    const at = { nowMs: seconds * 1000, lastUsedStep: 0 }
    t.equal(findStep(rfcSeed, code, at), Math.floor(seconds / 30))
  }
})

const runOathtool = (...args: string[]): Promise<string> =>
  promisify(execFile)('oathtool', args).then(({ stdout }) => stdout.trim())

// Where it is installed: another's reading of the standards.
if (await runOathtool('--version').catch(() => null)) {
  t.test('codes are those of oathtool, for seeds and times of all kinds', async (t) => {
    for (const seconds of [0, 29, 30, 1_111_111_111, Math.floor(Date.now() / 1000), 4_102_444_800]) {
      const seed = newSeed()
      const code = await runOathtool('--totp', '--base32', `--now=@${seconds}`, secretText(seed))
      t.equal(codeAt(seed, Math.floor(seconds / 30)), code, `at ${seconds}`)
    }
  })
}

t.test('a code is good in its step and the next, and not before, later or again', async (t) => {
  const step = 50_000_000
  const code = codeAt(rfcSeed, step)
  const at = (offset: number, lastUsedStep = 0) =>
    findStep(rfcSeed, code, { nowMs: (step + offset) * 30_000, lastUsedStep })
  t.same(
    [-1, 0, 1, 2].map((offset) => at(offset)),
    [null, step, step, null],
  )
  t.equal(findStep(rfcSeed, code, { nowMs: (step + 2) * 30_000 - 1, lastUsedStep: 0 }), step)
  t.same([at(0, step), at(1, step), at(0, step + 1), at(1, step - 1)], [null, null, null, step])
  t.equal(findStep(rfcSeed, '', { nowMs: step * 30_000, lastUsedStep: 0 }), null)
})

t.test('a seed has 160 bits and is shown as apps take it', async (t) => {
  t.equal(newSeed().length, 20)
  t.notSame(newSeed(), newSeed())
  t.equal(secretText(rfcSeed), 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  const url = new URL(otpauthUrl(rfcSeed, { issuer: 'auth.example.com:8443', label: 'a+b@example.com' }))
  t.equal(url.protocol, 'otpauth:')
  t.equal(url.host, 'totp')
  t.equal(decodeURIComponent(url.pathname), '/auth.example.com:8443:a+b@example.com')
  t.same(Object.fromEntries(url.searchParams), {
    issuer: 'auth.example.com:8443',
    secret: secretText(rfcSeed),
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  })
})

t.test('the picture is a PNG that says what the URL says, however long the name is', async (t) => {
  for (const label of ['a@example.com', `${'ü'.repeat(60)}@${'x'.repeat(200)}.example`]) {
    const url = otpauthUrl(rfcSeed, { issuer: 'auth.example.com', label })
    t.equal(readQrCode(qrCodeDataUrl(url)), url)
  }
})

t.test('a sealed seed opens for its user only, and moves to the secret of now', async (t) => {
  const [one, other] = [newId(), newId()]
  const before = createKeyring('a'.repeat(40), null)
  const during = createKeyring('b'.repeat(40), 'a'.repeat(40))
  const after = createKeyring('b'.repeat(40), null)
  const sealed = sealSeed(before, one, rfcSeed)
  t.same(openSeed(before, one, sealed), rfcSeed)
  t.throws(() => openSeed(before, other, sealed), { name: 'UnsealError' })
  t.throws(() => openSeed(after, one, sealed), { name: 'UnsealError' })
  const resealed = resealSeed(during, one, sealed)
  t.same(openSeed(after, one, resealed), rfcSeed)
  t.equal(resealSeed(after, one, resealed), resealed, 'once is enough')
})

t.test('recovery codes: ten, of 140 bits, known again however they are typed', async (t) => {
  const { codes, hashes } = newRecoveryCodes()
  t.equal(codes.length, 10)
  t.equal(new Set(codes).size, 10)
  for (const [index, code] of codes.entries()) {
    t.match(code, /^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){6}$/)
    const typed = code.toUpperCase().replaceAll('0', 'O').replaceAll('1', 'l').replaceAll('-', ' ')
    for (const form of [code, code.replaceAll('-', ''), ` ${typed} `])
      t.same(hashRecoveryCode(form), hashes[index])
  }
  for (const none of ['', '123456', codes[0]?.slice(1), `${codes[0]}0`, 'u'.repeat(28)])
    t.equal(hashRecoveryCode(none ?? ''), null)
})

t.test('a sign-in token has 256 bits and one spelling', async (t) => {
  const { token, hash } = newMfaToken()
  t.match(token, /^lkm_[\w-]{43}$/)
  t.same(hashMfaToken(token), hash)
  t.not(newMfaToken().token, token)
  for (const none of [
    '',
    token.slice(1),
    `${token}A`,
    `${token.slice(0, -1)}B`,
    token.replace('lkm_', 'lkl_'),
  ])
    t.equal(hashMfaToken(none), null)
})
