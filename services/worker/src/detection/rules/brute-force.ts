import { type DetectedEvent, isSignIn, isWrongPassword } from '../detected-event.js'
import { networkOf } from '../networks.js'
import type { Mark, Rule } from '../rule.js'

const hour = 3600

/** What a lockout adds: with three wrong passwords it is enough, wherever LOCKOUT_AFTER is; a lockout by codes alone is not one of these. */
const lockoutWeight = 7

/**
 * Many wrong passwords for one account. Ten an hour is as often as the lockout lets a guesser try at first; people who are unsure
 * try three to six and then set a new one, and what they got wrong from a network is forgotten when they get in from there. Thirty a day is
 * the guesser who stays below the lockout.
 */
export const bruteForce: Rule = {
  name: 'brute-force',
  severity: 'warning',
  reason: 'Many wrong passwords were tried for one account.',
  concerns: ['login.failed', 'login.locked', 'login.succeeded', 'mfa.challenged', 'password.reset'],
  watches: {
    account: {
      counts: 'events',
      spans: [
        { seconds: hour, threshold: 10 },
        { seconds: 24 * hour, threshold: 30 },
      ],
    },
  },
  look: (event) => {
    const { type, userId, ip, data } = event
    if (userId === null) return []
    const at = { watch: 'account', key: userId }
    const group = networkOf(ip ?? '')
    if (type === 'password.reset') return [{ does: 'removes', ...at }]
    if (isSignIn(event)) return [{ does: 'removes', ...at, group }]
    const isLockout = type === 'login.locked' && data['device'] !== true
    return isLockout || isWrongPassword(event) ? [adds(event, userId, isLockout ? lockoutWeight : 1)] : []
  },
}

function adds({ ip }: DetectedEvent, userId: string, weight: number): Mark {
  const about = { subject: userId, userId, ip }
  return { does: 'adds', watch: 'account', key: userId, group: networkOf(ip ?? ''), weight, about }
}
