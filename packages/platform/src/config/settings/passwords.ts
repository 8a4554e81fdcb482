import { bytes, Refusal, wholeNumber, type Parser } from '../parsers.js'
import { defaulted, optional, secret } from '../setting.js'

/** The range API of Pwned Passwords, or a copy of it: five hexadecimal digits are written behind the slash. */
const rangeUrl: Parser<string> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : null
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url === null || !isHttp || !/^[!-~]+\/$/.test(text) || /[?#]/.test(text) || url.username !== '')
    throw new Refusal('must be an http or https URL that ends with a slash, without user and query')
  return text
}

/** As the Firebase console shows it, decoded. */
const signerKey: Parser<Buffer> = (text) => {
  const key = Buffer.from(text, 'base64')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || key.length !== 64)
    throw new Refusal('must be 64 bytes in base64, as Firebase shows it')
  return key
}

export const passwordSettings = {
  passwordMinLength: defaulted(
    'PASSWORD_MIN_LENGTH',
    wholeNumber(8, 64),
    '10',
    'Characters that a new password has at least; never below 8 (NIST SP 800-63B).',
  ),
  passwordBreachCheckUrl: optional(
    'PASSWORD_BREACH_CHECK_URL',
    rangeUrl,
    'Asks this range API whether a new password is in a breach, such as https://api.pwnedpasswords.com/range/. It learns five digits of its SHA-1.',
  ),
  passwordPepper: secret(
    optional(
      'PASSWORD_PEPPER',
      bytes(32, 4096),
      'Mixed into every password before it is hashed, so that a leaked database alone lets nobody guess. When it is lost, so are all passwords.',
    ),
  ),
  passwordPepperPrevious: secret(
    optional(
      'PASSWORD_PEPPER_PREVIOUS',
      bytes(32, 4096),
      'The pepper before a change. Each password moves to the present one, or to none, at its next sign-in.',
    ),
  ),
  firebaseSignerKey: secret(
    optional(
      'FIREBASE_SIGNER_KEY',
      signerKey,
      'base64_signer_key of the Firebase project, for hashes that were imported from it without their key.',
    ),
  ),
  argon2MemoryKib: defaulted(
    'ARGON2_MEMORY_KIB',
    wholeNumber(128, 1_048_576),
    '19456',
    'KiB of memory a password hash takes; production refuses less than 19456 (OWASP).',
  ),
  argon2Time: defaulted(
    'ARGON2_TIME',
    wholeNumber(1, 20),
    '2',
    'Passes of argon2id over that memory; production refuses less than 2.',
  ),
  argon2Parallelism: defaulted('ARGON2_PARALLELISM', wholeNumber(1, 16), '1', 'Lanes of argon2id.'),
  hashConcurrency: defaulted(
    'HASH_CONCURRENCY',
    wholeNumber(1, 64),
    {
      words: 'processor cores less one',
      compute: (_, { cores }) => String(Math.min(64, Math.max(1, cores - 1))),
    },
    'Password hashes computed at once; the core that is left keeps refreshes fast during a login flood.',
  ),
  hashQueueMax: defaulted(
    'HASH_QUEUE_MAX',
    wholeNumber(0, 10_000),
    '32',
    'Sign-ins that wait for a hash at most; beyond it 503 overloaded, before any work.',
  ),
}
