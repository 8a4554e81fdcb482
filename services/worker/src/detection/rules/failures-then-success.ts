import {
  accountOf,
  type DetectedEvent,
  isFailedSignIn,
  isSignIn,
  isWrongPassword,
} from '../detected-event.js'
import { isFamiliarNetwork, isNewDevice } from '../familiarity.js'
import { customerOf } from '../networks.js'
import type { Mark, Rule, View } from '../rule.js'

/** Owners who get in at the sixth try are on a device, or in a network, of theirs. */
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
    account: { counts: 'events', keeps: failuresOfAccount, spans: [{ seconds: 3600, threshold: never }] },
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
    marks.push({ does: 'adds', watch: 'account', key: userId, about })
  if (ip !== null && isFailedSignIn(event))
    marks.push({ does: 'adds', watch: 'address', key: customerOf(ip), member: accountOf(event), about })
  return marks
}

function lookAtSignIn(event: DetectedEvent, userId: string, view: View): Mark[] {
  const { ip } = event
  const address = ip === null ? '' : customerOf(ip)
  const member = accountOf(event)
  const failures = view.count('account', userId)
  const others = view.count('address', address, member)
  const marks: Mark[] = [
    { does: 'removes', watch: 'account', key: userId },
    { does: 'removes', watch: 'address', key: address, member },
  ]
  const isAfterFailures = failures >= failuresOfAccount || others >= accountsOfAddress
  if (!isAfterFailures || !(isNewDevice(event) || !isFamiliarNetwork(event, view.signIns()))) return marks
  const data = { failuresOfAccount: failures, accountsFailingFromAddress: others }
  return [
    ...marks,
    { does: 'adds', watch: 'user', key: userId, about: { subject: userId, userId, ip, data } },
  ]
}
