import { networkOf } from '../networks.js'
import type { Rule } from '../rule.js'

const hour = 3600

/**
 * Somebody has the password and works on the second factor: challenge after challenge, or code after code. A person needs one challenge and now and
 * then three tries, and what was tried from a network is forgotten when it signs in; a clock that is off by minutes makes five failures and a
 * call for help. Eight an hour is what a guesser has before the lockout; twenty a day finds the one who waits.
 */
export const mfaFatigue: Rule = {
  name: 'mfa-fatigue',
  severity: 'critical',
  reason: 'The second factor of an account was asked for, or failed, many times: somebody has the password.',
  concerns: ['mfa.challenged', 'mfa.failed', 'login.succeeded'],
  watches: {
    user: {
      counts: 'events',
      spans: [
        { seconds: hour, threshold: 8 },
        { seconds: 24 * hour, threshold: 20 },
      ],
    },
  },
  look: ({ type, userId, ip }) => {
    if (userId === null) return []
    const at = { watch: 'user', key: userId, group: networkOf(ip ?? '') }
    if (type === 'login.succeeded') return [{ does: 'removes', ...at }]
    return [{ does: 'adds', ...at, about: { subject: userId, userId, ip } }]
  },
}
