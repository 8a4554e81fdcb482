// Attack: someone who can write to the database bends a sealed value, or moves it to another row.
import { randomBytes } from 'node:crypto'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { isSealedWith, open, seal, UnsealError } from '@latchkey/platform/crypto/seal'
import t from 'tap'

const keyring = createKeyring(randomBytes(32).toString('hex'), null)
const plaintext = Buffer.from('the private half of something')
const place = 'signing-key:a'
const sealed = seal(keyring.current, plaintext, place)

t.test('what was sealed opens, also when it is empty', async (t) => {
  t.same(open(keyring, sealed, place), plaintext)
  t.same(open(keyring, seal(keyring.current, Buffer.alloc(0), place), place), Buffer.alloc(0))
  t.ok(isSealedWith(keyring.current, sealed, place))
})

t.test('a sealed value shows nothing of its content, and never looks the same twice', async (t) => {
  t.notOk(sealed.includes(plaintext.subarray(0, 4)))
  t.notSame(seal(keyring.current, plaintext, place), sealed)
  t.equal(sealed.length, 1 + 12 + plaintext.length + 16)
})

t.test('one bit changed, in any byte, does not open', async (t) => {
  for (let index = 0; index < sealed.length; index += 1) {
    for (const bit of [0, 3, 7]) {
      const bent = Buffer.from(sealed)
      bent.writeUInt8(bent.readUInt8(index) ^ (1 << bit), index)
      t.throws(() => open(keyring, bent, place), UnsealError, `byte ${index}, bit ${bit}`)
      t.notOk(isSealedWith(keyring.current, bent, place))
    }
  }
})

t.test('cut, extended and empty values do not open', async (t) => {
  for (let length = 0; length < sealed.length; length += 1) {
    t.throws(() => open(keyring, sealed.subarray(0, length), place), UnsealError)
    t.notOk(isSealedWith(keyring.current, sealed.subarray(0, length), place))
  }
  t.throws(() => open(keyring, Buffer.concat([sealed, Buffer.of(0)]), place), UnsealError)
})

t.test('a value moved to another place does not open', async (t) => {
  for (const elsewhere of ['', 'signing-key:b', 'signing-key:a ', 'signing-key:']) {
    t.throws(() => open(keyring, sealed, elsewhere), UnsealError)
  }
})

t.test('every refusal is the same, so that nothing is learnt by trying', async (t) => {
  const foreign = createKeyring(randomBytes(32).toString('hex'), null)
  const attempts = [
    () => open(keyring, Buffer.alloc(0), place),
    () => open(keyring, sealed, 'elsewhere'),
    () => open(foreign, sealed, place),
  ]
  for (const attempt of attempts) {
    const error = t.throws(attempt, UnsealError)
    t.match(error, { message: 'The sealed value cannot be opened', cause: undefined })
  }
})

t.test('after a change of the secret the previous one still opens, and a lost one no more', async (t) => {
  const [old, current] = ['old secret', 'new secret']
  const before = seal(createKeyring(old, null).current, plaintext, place)
  const during = createKeyring(current, old)
  t.same(open(during, before, place), plaintext)
  t.notOk(isSealedWith(during.current, before, place))
  t.throws(() => open(createKeyring(current, null), before, place), UnsealError)
})

t.test('two secrets that share an id are told apart by the seal', async (t) => {
  const byId = new Map<number, string>()
  for (let count = 0; ; count += 1) {
    const secret = `secret ${count}`
    const { current } = createKeyring(secret, null)
    const twin = byId.get(current.id)
    if (twin !== undefined) {
      const both = createKeyring(secret, twin)
      t.same(open(both, seal(createKeyring(twin, null).current, plaintext, place), place), plaintext)
      t.same(open(both, seal(current, plaintext, place), place), plaintext)
      return
    }
    byId.set(current.id, secret)
  }
})
