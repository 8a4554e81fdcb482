// Attacks: a row of an import that takes the process down, and other passwords that fit a hash.
import { verifyHash } from '@latchkey/auth-api/features/passwords/verify-hash'
import { isAffordable } from '@latchkey/platform/passwords/argon2-hash'
import { HashRefusal, readStoredHash } from '@latchkey/platform/passwords/stored-hash'
import t from 'tap'

/** Base64 without padding, with the dots that passlib writes. */
const passlib = (hex: string): string =>
  Buffer.from(hex, 'hex').toString('base64').replaceAll('+', '.').replace(/=+$/, '')
const base64 = (text: string): string => Buffer.from(text).toString('base64')

// src/test.c of the reference implementation of Argon2.
const argon2 = [
  '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8',
  '$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY',
  '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
]

// wrapper.c of crypt_blowfish, whose author found the bug behind $2x$.
const bcrypt: [hash: string, password: string][] = [
  ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK', 'U*U*'],
  ['$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a', 'U*U*U'],
  ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', ''],
]

const scrypt: [hash: string, password: string][] = [
  // RFC 7914, 12.
  [
    `$scrypt$ln=14,r=8,p=1$${base64('SodiumChloride')}$${Buffer.from(
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
        'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
      'hex',
    ).toString('base64')}`,
    'pleaseletmein',
  ],
  // The documentation of passlib.hash.scrypt.
  ['$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E', 'password'],
]

const pbkdf2: [hash: string, password: string][] = [
  // RFC 6070, in the forms of passlib and PHC.
  [`$pbkdf2$4096$${base64('salt')}$${passlib('4b007901b765489abead49d926f721d065a429c1')}`, 'password'],
  [`$pbkdf2-sha1$i=4096$${base64('salt')}$SwB5AbdlSJq+rUnZJvch0GWkKcE=`, 'password'],
  // RFC 7914, 11: keys of two blocks.
  [
    `$pbkdf2-sha256$i=1,l=64$${base64('salt')}$${passlib(
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
        'a9ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    )}`,
    'passwd',
  ],
  // The example hashes of hashcat, mode 20200.
  [
    '$pbkdf2-sha512$25000$LyWE0HrP2RsjZCxlDGFMKQ$' +
      '1vC5Ohk2mCS9b6akqsEfgeb4l74SF8XjH.SljXf3dMLHdlY1GK9ojcCKts6/asR4aPqBmk74nCDddU3tvSCJvw',
    'hashcat',
  ],
  // Ports of Django's hashers, which test against tests/auth_tests/test_hashers.py of Django 1.9 and 2.0.
  ['pbkdf2_sha1$24000$seasalt$F+kiWNHXbMBcwgxsvSKFCWHnZZ0=', 'KRONOS'],
  ['pbkdf2_sha256$100000$seasalt$BNZ6eyaNc8qFTJPjrAq99hSYb73EgAdytAtdBg2Sdcc=', 'lètmein'],
]

// The README of github.com/firebase/scrypt.
const signerKey = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=='
const firebaseKey = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='
const firebase = `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=${signerKey}$42xEC+ixf3L2lw==$${firebaseKey}`

const published: Record<string, [hash: string, password: string][]> = {
  Argon2: argon2.map((hash) => [hash, 'password']),
  bcrypt,
  scrypt,
  PBKDF2: pbkdf2,
  "Firebase's scrypt": [[firebase, 'user1password']],
}

for (const [scheme, vectors] of Object.entries(published)) {
  t.test(`published hashes of ${scheme} are verified, and no other password fits`, async (t) => {
    for (const [hash, password] of vectors) {
      t.equal(await verifyHash(hash, password, null), true, hash)
      t.equal(await verifyHash(hash, `${password}x`, null), false)
      const other = hash.replace(
        /\$(.)([^$]+)$/,
        (_, first: string, rest: string) => `$${first === 'A' ? 'B' : 'A'}${rest}`,
      )
      t.equal(await verifyHash(other, password, null), false, 'one letter of it is another')
    }
  })
}

t.test('what is no hash of a known form is refused, and so is what would keep a processor busy', (t) => {
  const salt = base64('saltsaltsaltsalt')
  const key = base64('key of thirty-two bytes, no less')
  const unknown = [
    '',
    'password',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '$1$saltsalt$qjXMvbEw8oaL.CzflDugX/',
    '$6$rounds=5000$saltsalt$abc',
    '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe',
    `$argon2id$v=20$m=256,t=2,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=0,t=2,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=256,t=2,p=1,data=AAAA$${salt}$${key}`,
    `$argon2id$v=19$m=256,t=2,p=1$c2FsdA$${key}`,
    `$argon2id$v=19$m=256,t=2,p=1$${salt}$${base64('short')}`,
    `$argon2x$v=19$m=256,t=2,p=1$${salt}$${key}`,
    `$scrypt$ln=0,r=8,p=1$${salt}$${key}`,
    `$scrypt$ln=14,r=0,p=1$${salt}$${key}`,
    `$scrypt$ln=14,r=8,p=1$${salt}$${'A'.repeat(600)}`,
    `$pbkdf2-sha256$0$${salt}$${key}`,
    `$pbkdf2-sha256$-1$${salt}$${key}`,
    `$pbkdf2-sha256$1e9$${salt}$${key}`,
    `$pbkdf2-md5$1000$${salt}$${key}`,
    `$pbkdf2-sha256$1000$sal t$${key}`,
    `$fbscrypt$v=2,n=14,r=8,p=1$${salt}$${key}`,
    `$fbscrypt$v=1,n=14,r=8,p=1,sk=!$${salt}$${key}`,
    `${argon2[0]}\n`,
  ]
  for (const hash of unknown)
    t.throws(() => readStoredHash(hash), { message: 'is no hash of a known form' }, hash)

  const costly = [
    '$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    `$argon2id$v=19$m=9999999,t=2,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=256,t=99,p=1$${salt}$${key}`,
    `$argon2id$v=19$m=256,t=1,p=99$${salt}$${key}`,
    `$scrypt$ln=30,r=8,p=1$${salt}$${key}`,
    `$scrypt$ln=99,r=99,p=99$${salt}$${key}`,
    `$scrypt$ln=14,r=8,p=17$${salt}$${key}`,
    `$pbkdf2-sha256$2000001$${salt}$${key}`,
    `pbkdf2_sha256$99999999$salt$${key}`,
    `$fbscrypt$v=1,n=25,r=8,p=1$${salt}$${key}`,
  ]
  for (const hash of costly) {
    const message = 'asks for more than a second of work or 256 MiB of memory'
    t.throws(() => readStoredHash(hash), { message, constructor: HashRefusal }, hash)
  }
  t.end()
})

t.test('Argon2 is bounded more narrowly where it is not our own', (t) => {
  const isTaken = (parameters: string): boolean => {
    const hash = readStoredHash(
      `$argon2id$v=19$${parameters}$${base64('saltsalt')}$${base64('k'.repeat(32))}`,
    )
    return hash.scheme === 'argon2' && isAffordable(hash)
  }
  t.equal(isTaken('m=65536,t=3,p=4'), true, 'what most libraries do')
  t.equal(isTaken('m=262144,t=2,p=1'), true)
  t.equal(isTaken('m=262144,t=3,p=1'), false)
  t.equal(isTaken('m=1048576,t=1,p=1'), false)
  t.end()
})

t.test('bcrypt ends at 72 bytes, and a zero byte ends nothing', async (t) => {
  // crypt_blowfish again.
  const long = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui'
  const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  t.equal(await verifyHash(long, `${letters}chars after 72 are ignored`, null), true)
  t.equal(await verifyHash(long, letters, null), true)
  t.equal(await verifyHash(long, letters.slice(0, 71), null), false)
  t.equal(await verifyHash(long, `${letters}${'x'.repeat(200)}`, null), true, 'no length wraps around at 256')
  t.equal(
    await verifyHash('$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U\0', null),
    false,
  )
  t.equal(await verifyHash('$2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', '\0', null), false)
})
