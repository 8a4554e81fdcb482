import { accountOf, isFailedSignIn, isSignIn } from '../detected-event.js'
import { networkOf } from '../networks.js'
import type { Rule } from '../rule.js'

/**
 * One or a few passwords over many accounts, from so many addresses that none of them stands out: all over the installation accounts fail and
 * do not get in afterwards. The baseline is the traffic itself: every fifth of those who sign in may be left outside, and twenty in any case.
 * By then it is no longer people. Of each network three accounts count, because more of one network is stuffing, which has its own rule.
 */
export const passwordSpraying: Rule = {
  name: 'password-spraying',
  severity: 'warning',
  reason: 'Sign-ins to many accounts failed from many networks, far more than usually.',
  concerns: ['login.failed', 'login.succeeded', 'mfa.challenged', 'password.reset'],
  watches: {
    everywhere: {
      counts: 'spread',
      perGroup: 3,
      spans: [{ seconds: 15 * 60, threshold: 20 }],
      shareOfSignIns: 0.2,
    },
  },
  look: (event) => {
    const at = { watch: 'everywhere', key: 'all' }
    const member = accountOf(event)
    const about = { subject: 'all accounts', userId: null, ip: null }
    if (isFailedSignIn(event))
      return [{ does: 'adds', ...at, member, group: networkOf(event.ip ?? ''), about }]
    if (isSignIn(event))
      return [
        { does: 'removes', ...at, member },
        { does: 'tallies', ...at, always: true },
      ]
    return event.type === 'password.reset' ? [{ does: 'removes', ...at, member }] : []
  },
}
