import { wholeNumber } from '../parsers.js'
import { defaulted } from '../setting.js'

export const passwordSettings = {
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
