import { isFamiliarNetwork, isNewDevice } from '../familiarity.js'
import { customerOf } from '../networks.js'
import type { Rule } from '../rule.js'

/**
 * One device that gets into account after account: somebody works through passwords that are known to be right, and nothing fails. A device is an
 * address and what the browser or app calls itself, which colleagues in an office share; so only those accounts count that were never seen
 * with this kind of device, nor in this network. Five of these in an hour are no coincidence; a family that comes to a new home is smaller.
 */
export const manyAccountsOneDevice: Rule = {
  name: 'many-accounts-one-device',
  severity: 'warning',
  reason: 'One device signed in to many accounts that had never been used on it.',
  concerns: ['login.succeeded'],
  watches: { device: { counts: 'members', spans: [{ seconds: 3600, threshold: 5 }] } },
  look: (event, view) => {
    const { ip, userAgent, userId } = event
    if (ip === null || userId === null || !isNewDevice(event)) return []
    if (isFamiliarNetwork(event, view.signIns())) return []
    const address = customerOf(ip)
    const about = { subject: address, userId: null, ip }
    return [{ does: 'adds', watch: 'device', key: `${address} ${userAgent ?? ''}`, member: userId, about }]
  },
}
