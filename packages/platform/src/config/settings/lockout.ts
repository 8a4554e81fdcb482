import { duration, wholeNumber } from '../parsers.js'
import { defaulted } from '../setting.js'

export const lockoutSettings = {
  lockoutAfter: defaulted(
    'LOCKOUT_AFTER',
    wholeNumber(1, 1_000_000),
    '10',
    'Failed attempts in a row after which an account takes no more for a while; production refuses more than 100 (NIST SP 800-63B).',
  ),
  lockoutDurationSeconds: defaulted(
    'LOCKOUT_DURATION',
    duration('1s', '24h'),
    '15m',
    'How long the first lockout lasts. Each further one lasts twice as long as the one before.',
  ),
  lockoutMaxSeconds: defaulted(
    'LOCKOUT_MAX',
    duration('1s', '7d'),
    '24h',
    'How long a lockout lasts at most, and how long failures are remembered.',
  ),
}
