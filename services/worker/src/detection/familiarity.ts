import type { DetectedEvent } from './detected-event.js'
import { networkOf } from './networks.js'
import type { SignIn } from './rule.js'

/** Whether the user has signed in from this network before. */
export function isFamiliarNetwork({ ip }: DetectedEvent, signIns: readonly SignIn[]): boolean {
  if (ip === null) return false
  const network = networkOf(ip)
  return signIns.some((before) => before.ip !== null && networkOf(before.ip) === network)
}

/** A browser or app that the user was not seen with; the very first one is none. */
export const isNewDevice = ({ data }: DetectedEvent): boolean => data['newDevice'] === true
