import {
  accountOf,
  type DetectedEvent,
  isFailedSignIn,
  isSignIn,
  isWrongPassword,
} from '../detected-event.js'
import { familiarNetworks, isFamiliarNetwork, isNewDevice } from '../familiarity.js'
import { customerOf, networkOf } from '../networks.js'
import type { Mark, Rule, View } from '../rule.js'

/** From networks in which the account was never used: an owner with so many is on the road, with a device that remembers no password. */
const failuresOfAccount = 6
/** Other accounts that failed from the address and did not get in, close to what credential-stuffing calls an attack. */
const accountsOfAddress = 15
/** Counted for the sign-in that may follow, and no incident by themselves. */
const never = Infinity

/**
 * The guess that was right: a sign-in after many failures at the account, or from an address where many other accounts fail, by somebody the account
 * does not know. It names the account that an attack has got into. A password that was set by mail in between explains the failures.
 */
export const failuresThenSuccess: Rule = {
  name: 'failures-then-success',
  severity: 'critical',
  reason: 'After many failures somebody got in from where the account had not been used.',
  concerns: ['login.failed', 'login.succeeded', 'mfa.challenged', 'password.reset', 'password.changed'],
  watches: {
    account: { counts: 'events', keeps: 2 * failuresOfAccount, spans: [{ seconds: 3600, threshold: never }] },
    address: { counts: 'members', keeps: 2 * accountsOfAddress, spans: [{ seconds: 900, threshold: never }] },
    user: { counts: 'events', spans: [{ seconds: 3600, threshold: 1 }] },
  },
  look: (event, view) => {
    const { userId, type } = event
    if (isSignIn(event)) return userId === null ? [] : lookAtSignIn(event, userId, view)
    if (type !== 'login.failed')
      return userId === null ? [] : [{ does: 'removes', watch: 'account', key: userId }]
    return failureMarks(event)
  },
}

function failureMarks(event: DetectedEvent): Mark[] {
  const { ip, userId } = event
  const about = { subject: '', userId, ip }
  const marks: Mark[] = []
  if (userId !== null && isWrongPassword(event))
    marks.push({ does: 'adds', watch: 'account', key: userId, group: networkOf(ip ?? ''), about })
  if (ip !== null && isFailedSignIn(event))
    marks.push({ does: 'adds', watch: 'address', key: customerOf(ip), member: accountOf(event), about })
  return marks
}

function lookAtSignIn(event: DetectedEvent, userId: string, view: View): Mark[] {
  const { ip } = event
  const address = ip === null ? '' : customerOf(ip)
  const member = accountOf(event)
  const data = findFailures(event, userId, view)
  const marks: Mark[] = [
    { does: 'removes', watch: 'account', key: userId },
    { does: 'removes', watch: 'address', key: address, member },
  ]
  if (data === null) return marks
  return [
    ...marks,
    { does: 'adds', watch: 'user', key: userId, about: { subject: userId, userId, ip, data } },
  ]
}

function findFailures(event: DetectedEvent, userId: string, view: View) {
  const { ip } = event
  const accounts = view.count('address', ip === null ? '' : customerOf(ip), { members: [accountOf(event)] })
  const isAfterMany = accounts >= accountsOfAddress
  if (!isAfterMany && view.count('account', userId) < failuresOfAccount) return null
  const signIns = view.signIns()
  const failures = view.count('account', userId, { groups: familiarNetworks(signIns) })
  if (!isAfterMany && failures < failuresOfAccount) return null
  if (!isNewDevice(event) && isFamiliarNetwork(event, signIns)) return null
  return { failuresOfAccount: failures, accountsFailingFromAddress: accounts }
}
