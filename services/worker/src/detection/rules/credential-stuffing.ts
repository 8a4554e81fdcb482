import { accountOf, isFailedSignIn, isSignIn } from '../detected-event.js'
import { customerOf, networkOf } from '../networks.js'
import type { Rule } from '../rule.js'

const minute = 60
const hour = 60 * minute

/**
 * Many accounts failing from one place. What counts are accounts that do not get in afterwards from there: behind the address of an
 * office dozens of people mistype their passwords on a Monday at nine, and nearly all get it right in the next minute. Nobody can clear a victim's
 * failure but by that account's password, so that accounts of the attacker's own hide nothing. Twenty of them in a quarter of an hour is
 * more than two hundred people leave behind. The day's threshold is for those who take their time.
 *
 * A network counts ten of each address at most: what one address does is told by the address.
 */
export const credentialStuffing: Rule = {
  name: 'credential-stuffing',
  severity: 'warning',
  reason: 'Sign-ins to many accounts failed from one address or network.',
  concerns: ['login.failed', 'login.succeeded', 'mfa.challenged', 'password.reset'],
  watches: {
    address: {
      counts: 'members',
      spans: [
        { seconds: 15 * minute, threshold: 20 },
        { seconds: 24 * hour, threshold: 150 },
      ],
      shareOfSignIns: 0.1,
    },
    network: {
      counts: 'spread',
      perGroup: 10,
      spans: [
        { seconds: 15 * minute, threshold: 40 },
        { seconds: 24 * hour, threshold: 300 },
      ],
      shareOfSignIns: 0.1,
    },
  },
  look: (event) => {
    const { ip, type } = event
    if (ip === null) return []
    const address = customerOf(ip)
    const network = networkOf(ip)
    const member = accountOf(event)
    const places = [
      { watch: 'address', key: address },
      { watch: 'network', key: network },
    ]
    if (isFailedSignIn(event))
      return places.map((place) => ({
        ...place,
        does: 'adds',
        member,
        group: address,
        about: { subject: place.key, userId: null, ip },
      }))
    const isSuccess = isSignIn(event)
    if (!isSuccess && type !== 'password.reset') return []
    return places.flatMap((place) => [
      { ...place, does: 'removes', member },
      ...(isSuccess ? [{ ...place, does: 'tallies' as const }] : []),
    ])
  },
}
