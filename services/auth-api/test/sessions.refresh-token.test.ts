// Attack: a token that is forged, truncated, extended, bent or from elsewhere must be refused before any I/O.
import { randomBytes, randomUUID } from 'node:crypto'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import t from 'tap'
import { decodeRefreshToken, encodeRefreshToken } from '@latchkey/auth-api/features/sessions/refresh-token'

const secret = randomBytes(32).toString('hex')
const keyring = createKeyring(secret, null)
const claims = { sessionId: randomUUID(), generation: 7n }
const token = encodeRefreshToken(keyring.current, claims)

t.test('a token says what it was made from, in one spelling', async (t) => {
  t.match(token, /^lk1\.[A-Za-z0-9_-]{76}$/)
  t.same(decodeRefreshToken(keyring, token), claims)
  t.equal(
    encodeRefreshToken(keyring.current, claims),
    token,
    'the same session and generation make the same token',
  )
  const highest = { ...claims, generation: 2n ** 63n - 1n }
  t.same(decodeRefreshToken(keyring, encodeRefreshToken(keyring.current, highest)), highest)
})

t.test('each generation and session has a token of its own', async (t) => {
  t.not(encodeRefreshToken(keyring.current, { ...claims, generation: 8n }), token)
  t.not(encodeRefreshToken(keyring.current, { ...claims, sessionId: randomUUID() }), token)
})

t.test('a token changed in any bit is refused', async (t) => {
  const bytes = Buffer.from(token.slice(4), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const bent = Buffer.from(bytes)
    bent[bit >> 3]! ^= 1 << (bit & 7)
    t.equal(decodeRefreshToken(keyring, `lk1.${bent.toString('base64url')}`), null, `bit ${bit}`)
  }
})

t.test('other spellings are refused', async (t) => {
  const spellings = {
    empty: '',
    'without its prefix': token.slice(4),
    'another prefix': token.replace('lk1.', 'lk2.'),
    'an upper-case prefix': token.replace('lk1.', 'LK1.'),
    truncated: token.slice(0, -1),
    extended: `${token}A`,
    padded: `${token}==`,
    'with a space': ` ${token}`,
    'with a line break': `${token}\n`,
    'with other base64 characters': `${token.slice(0, 20)}+/${token.slice(22)}`,
    twice: token + token,
  }
  for (const [name, spelling] of Object.entries(spellings))
    t.equal(decodeRefreshToken(keyring, spelling), null, name)
})

t.test('generations that we never issue are refused even with a good MAC', async (t) => {
  t.equal(
    decodeRefreshToken(keyring, encodeRefreshToken(keyring.current, { ...claims, generation: 0n })),
    null,
  )
  t.equal(
    decodeRefreshToken(keyring, encodeRefreshToken(keyring.current, { ...claims, generation: 2n ** 63n })),
    null,
  )
})

t.test('a token of another AUTH_SECRET is refused, one of the previous secret is accepted', async (t) => {
  const next = randomBytes(32).toString('hex')
  t.equal(decodeRefreshToken(createKeyring(next, null), token), null)
  const both = createKeyring(next, secret)
  t.same(decodeRefreshToken(both, token), claims)
  t.not(encodeRefreshToken(both.current, claims), token, 'the successor comes under the new secret')
})

t.test('two secrets that share a key id are told apart by the MAC', async (t) => {
  let next = ''
  do next = randomBytes(32).toString('hex')
  while (createKeyring(next, null).current.id !== keyring.current.id)
  const both = createKeyring(next, secret)
  t.same(decodeRefreshToken(both, token), claims)
  t.same(decodeRefreshToken(both, encodeRefreshToken(both.current, claims)), claims)
  t.equal(decodeRefreshToken(createKeyring(next, null), token), null)
})
