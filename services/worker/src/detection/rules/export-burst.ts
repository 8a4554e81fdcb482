import { customerOf } from '../networks.js'
import type { Mark, Rule } from '../rule.js'

const hour = 3600

/**
 * Personal data leaves in numbers: one account again and again, the accounts of many people to one address, or of many people everywhere.
 * People ask for their data once in years. Four of each address count for the installation: more of one address is told by the address.
 */
export const exportBurst: Rule = {
  name: 'export-burst',
  severity: 'warning',
  reason: 'The personal data of an account was exported many times, or of many accounts at once.',
  concerns: ['user.exported'],
  watches: {
    account: { counts: 'events', spans: [{ seconds: 24 * hour, threshold: 4 }] },
    address: { counts: 'members', spans: [{ seconds: hour, threshold: 5 }] },
    everywhere: { counts: 'spread', perGroup: 4, spans: [{ seconds: hour, threshold: 30 }] },
  },
  look: ({ userId, ip }) => {
    if (userId === null) return []
    const address = customerOf(ip ?? '')
    const marks: Mark[] = [
      { does: 'adds', watch: 'account', key: userId, about: { subject: userId, userId, ip } },
      {
        does: 'adds',
        watch: 'everywhere',
        key: 'all',
        member: userId,
        group: address,
        about: { subject: 'all accounts', userId: null, ip: null },
      },
    ]
    if (ip !== null)
      marks.push({
        does: 'adds',
        watch: 'address',
        key: address,
        member: userId,
        about: { subject: address, userId: null, ip },
      })
    return marks
  },
}
