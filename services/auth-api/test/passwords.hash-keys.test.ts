// Attacks: a stolen table without its keys, telling by its time where an account came from, a hash that is of another password than it seems.
import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto'
import { createPasswordHasher } from '@latchkey/auth-api/features/passwords/password-hasher'
import { verifyHash } from '@latchkey/auth-api/features/passwords/verify-hash'
import { createLogger } from '@latchkey/platform/logging/logger'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import t, { type Test } from 'tap'

// The README of github.com/firebase/scrypt: a hash of `user1password`.
const signerKey = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=='
const firebaseKey = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='
const firebase = `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=${signerKey}$42xEC+ixf3L2lw==$${firebaseKey}`
const firebaseWithoutKey = firebase.replace(/,sk=[^$]+/, '')

const settings = {
  argon2MemoryKib: 1024,
  argon2Time: 1,
  argon2Parallelism: 1,
  hashConcurrency: 1,
  hashQueueMax: 100,
  passwordPepper: null,
  passwordPepperPrevious: null,
  firebaseSignerKey: null,
}

function hasherFor(t: Test, changed: Partial<Parameters<typeof createPasswordHasher>[0]> = {}) {
  const metrics = createMetrics('auth-api')
  const lines: string[] = []
  const log = createLogger({ logLevel: 'info', logPretty: false }, 'auth-api', {
    write: (line) => void lines.push(line),
  })
  const hasher = createPasswordHasher({ ...settings, ...changed }, metrics, log)
  t.teardown(() => hasher.close())
  const countHashes = async (): Promise<number> => {
    const { values } = await metrics.passwordHashDurationSeconds.get()
    return values.find(({ metricName }) => metricName?.endsWith('_count') === true)?.value ?? 0
  }
  return {
    lines,
    hash: (password: string) => hasher.admit((passwords) => passwords.hash(password)),
    verify: (stored: string, password: string) =>
      hasher.admit((passwords) => passwords.verify(stored, password)),
    needsRehash: hasher.needsRehash,
    /** How many hashes `work` took. */
    async price(work: () => Promise<unknown>) {
      const before = await countHashes()
      await work()
      return (await countHashes()) - before
    },
  }
}

const shared = hasherFor(t)
/** Of `U*U`, from wrapper.c of crypt_blowfish. */
const bcrypt = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

t.test('an imported hash gives way to ours, unless nobody knows what it is a hash of', (t) => {
  t.equal(shared.needsRehash(firebase, 'password'), true)
  t.equal(shared.needsRehash(bcrypt, 'x'.repeat(72)), true)
  t.equal(shared.needsRehash(bcrypt, 'x'.repeat(73)), false)
  t.equal(shared.needsRehash(bcrypt, 'é'.repeat(37)), false, 'bytes, not characters')
  t.end()
})

t.test(
  'a refused password costs a hash of ours beside the imported one, and at least one in any case',
  async (t) => {
    t.equal(await shared.price(() => shared.verify(bcrypt, 'wrong')), 2)
    t.equal(await shared.price(() => shared.verify(bcrypt, 'U*U')), 1, 'the new hash is the second')
    const own = await shared.hash('a phrase of ours')
    t.equal(await shared.price(() => shared.verify(own, 'wrong')), 1)
  },
)

t.test('a hash of what was typed fits, though it is not in NFKC', async (t) => {
  const typed = 'cafe\u0301 \ufb01anc\u00e9e'
  const salt = randomBytes(16).toString('base64')
  const hashed = (text: string) =>
    `$pbkdf2-sha256$i=10$${salt}$${pbkdf2Sync(text, Buffer.from(salt, 'base64'), 10, 32, 'sha256').toString('base64')}`
  t.equal(await shared.verify(hashed(typed), typed), true)
  t.equal(await shared.verify(hashed(typed.normalize('NFKC')), typed), true)
  t.equal(await shared.verify(hashed(typed), typed.normalize('NFKC')), false, 'nobody can know')
})

t.test('the signer key of a Firebase project may be in the row or in the settings', async (t) => {
  const configured = hasherFor(t, { firebaseSignerKey: Buffer.from(signerKey, 'base64') })
  t.equal(await configured.verify(firebaseWithoutKey, 'user1password'), true)
  t.equal(await configured.verify(firebaseWithoutKey, 'user2password'), false)
  t.equal(await shared.verify(firebase, 'user1password'), true)

  t.equal(await shared.price(() => shared.verify(firebaseWithoutKey, 'user1password')), 1)
  t.equal(await shared.verify(firebaseWithoutKey, 'user1password'), false)
  t.equal(shared.lines.filter((line) => line.includes('FIREBASE_SIGNER_KEY')).length, 1, 'told once')
})

const pepper = randomBytes(32).toString('base64url')
const newPepper = randomBytes(32).toString('base64url')

t.test('a pepper: hashes without it fit nobody, and it is not in them', async (t) => {
  const peppered = hasherFor(t, { passwordPepper: pepper })
  const stored = await peppered.hash('a phrase of ours')
  t.match(stored, /^\$argon2id\$v=19\$m=1024,t=1,p=1,keyid=[\w+/]{8}\$[\w+/]{22}\$[\w+/]{43}$/)
  t.equal(await peppered.verify(stored, 'a phrase of ours'), true)
  t.equal(await peppered.verify(stored, 'a phrase of theirs'), false)
  t.equal(peppered.needsRehash(stored, 'a phrase of ours'), false)
  const bare = stored.replace(/,keyid=[^$]+/, '')
  t.equal(await verifyHash(bare, 'a phrase of ours', null), false, 'the database alone lets nobody guess')
  const id = /keyid=([^$]+)/.exec(stored)?.[1] ?? ''
  for (const digest of ['sha256', 'sha512', 'sha1'])
    t.not(createHash(digest).update(pepper).digest('base64').slice(0, 8), id)
  t.equal(await peppered.verify(await peppered.hash('caf\u00e9 au lait'), 'cafe\u0301 au lait'), true)
})

t.test('a pepper may come later, change and go: each sign-in moves one password', async (t) => {
  const without = shared
  const first = hasherFor(t, { passwordPepper: pepper })
  const changed = hasherFor(t, { passwordPepper: newPepper, passwordPepperPrevious: pepper })
  const gone = hasherFor(t, { passwordPepperPrevious: newPepper })
  const phrase = 'a phrase of ours'

  const plain = await without.hash(phrase)
  t.equal(await first.verify(plain, phrase), true)
  t.equal(first.needsRehash(plain, phrase), true)
  const seasoned = await first.hash(phrase)
  t.equal(await changed.verify(seasoned, phrase), true)
  t.equal(await changed.verify(seasoned, 'another phrase'), false)
  t.equal(changed.needsRehash(seasoned, phrase), true)
  const anew = await changed.hash(phrase)
  t.equal(await gone.verify(anew, phrase), true)
  t.equal(gone.needsRehash(anew, phrase), true)
  t.match(await gone.hash(phrase), /,p=1\$/)
})

t.test('a lost pepper refuses, at the price of a hash, and the log says so once', async (t) => {
  const stored = await hasherFor(t, { passwordPepper: pepper }).hash('a phrase of ours')
  const other = hasherFor(t, { passwordPepper: newPepper })
  t.equal(await other.price(() => other.verify(stored, 'a phrase of ours')), 1)
  t.equal(await other.verify(stored, 'a phrase of ours'), false)
  t.equal(other.lines.length, 1)
  t.match(other.lines[0], /PASSWORD_PEPPER/)
  t.notMatch(other.lines[0], /keyid|argon2id/)
})
