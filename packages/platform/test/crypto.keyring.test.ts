// Attack: one key for two uses, or a name of a secret that tells something about it.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createKeyring, deriveKey, type SecretKeys } from '@latchkey/platform/crypto/keyring'
import t from 'tap'

/** HKDF-SHA-256 as RFC 5869, section 2, has it, from HMAC alone. */
function hkdf(secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  const mac = (key: Buffer, ...parts: Buffer[]) =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest()
  const pseudorandomKey = mac(salt.length === 0 ? Buffer.alloc(32) : salt, secret)
  let block: Buffer = Buffer.alloc(0)
  const blocks: Buffer[] = []
  for (let index = 1; blocks.length * 32 < length; index += 1) {
    block = mac(pseudorandomKey, block, info, Buffer.of(index))
    blocks.push(block)
  }
  return Buffer.concat(blocks).subarray(0, length)
}

const hex = (text: string) => Buffer.from(text, 'hex')
const range = (first: number, last: number) =>
  Buffer.from(Array.from({ length: last - first + 1 }, (_, i) => first + i))

/** RFC 5869, appendix A.1 to A.3. */
const vectors = [
  {
    secret: Buffer.alloc(22, 0x0b),
    salt: range(0x00, 0x0c),
    info: range(0xf0, 0xf9),
    length: 42,
    key: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    secret: range(0x00, 0x4f),
    salt: range(0x60, 0xaf),
    info: range(0xb0, 0xff),
    length: 82,
    key: 'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    secret: Buffer.alloc(22, 0x0b),
    salt: Buffer.alloc(0),
    info: Buffer.alloc(0),
    length: 42,
    key: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
]

t.test('keys are derived by HKDF-SHA-256, as the published vectors have it', async (t) => {
  for (const { secret, salt, info, length, key } of vectors)
    t.same(hkdf(secret, salt, info, length), hex(key))
  const secret = randomBytes(40).toString('base64')
  const expected = hkdf(Buffer.from(secret), Buffer.alloc(0), Buffer.from('latchkey/refresh-token/v1'), 32)
  t.same(deriveKey(secret, 'refresh-token/v1'), expected)
  t.same(createKeyring(secret, null).current.refreshToken, expected)
})

t.test('the derivation never changes: tokens and sealed keys depend on it', async (t) => {
  const { current } = createKeyring('a secret that only this test knows', null)
  t.equal(digestOf(current), '9b73574647addf3ac4903d5b48224daa7260f00414c68a41d8df49e0b6ee7517')
  t.equal(
    createHash('sha256').update(current.csrf).digest('hex'),
    'cb95d5e7db9e6cc286f73b6c63e53e11c7d26d4dd3eb57dfc058122b3a060d1b',
  )
})

t.test('each use and each secret has a key of its own', async (t) => {
  const keys = [createKeyring('first secret', null).current, createKeyring('second secret', null).current]
  const all = keys.flatMap((derived) => Object.values(derived).filter((value) => Buffer.isBuffer(value)))
  t.ok(all.length > 10)
  t.equal(new Set(all.map((key) => key.toString('hex'))).size, all.length)
  t.ok(all.every((key) => key.length === 32))
})

t.test('an id leads to its secret, and an unknown one to none', async (t) => {
  const { first, second } = distinctSecrets()
  const keyring = createKeyring(first, second)
  const previous = createKeyring(second, null).current
  t.same(keyring.named(keyring.current.id), [keyring.current])
  t.same(keyring.named(previous.id), [previous])
  t.same(keyring.accepted, [keyring.current, previous])
  const unknown = range(0, 255).find((id) => id !== keyring.current.id && id !== previous.id) ?? -1
  t.same(keyring.named(unknown), [])
  t.same(
    createKeyring(first, null).named(previous.id),
    [],
    'the previous one is forgotten when it is no longer given',
  )
})

t.test('two secrets that share an id are both found by it, the current one first', async (t) => {
  const { first, second } = collidingSecrets()
  const keyring = createKeyring(first, second)
  t.same(keyring.named(keyring.current.id), [keyring.current, createKeyring(second, null).current])
})

function digestOf({ id, refreshToken, sealing, rateLimit }: SecretKeys): string {
  return createHash('sha256')
    .update(Buffer.concat([Buffer.of(id), refreshToken, sealing, rateLimit]))
    .digest('hex')
}

function idOf(secret: string): number {
  return createKeyring(secret, null).current.id
}

function distinctSecrets(): { first: string; second: string } {
  const first = 'secret 0'
  let count = 1
  while (idOf(`secret ${count}`) === idOf(first)) count += 1
  return { first, second: `secret ${count}` }
}

/** Of 257 secrets two share one of 256 ids. */
function collidingSecrets(): { first: string; second: string } {
  const seen = new Map<number, string>()
  for (let count = 0; ; count += 1) {
    const second = `secret ${count}`
    const first = seen.get(idOf(second))
    if (first !== undefined) return { first, second }
    seen.set(idOf(second), second)
  }
}
