import type { DetectedEvent } from './detected-event.js'
import { networkOf } from './networks.js'
import type { SignIn } from './rule.js'

/** Where the user has signed in before. */
export function familiarNetworks(signIns: readonly SignIn[]): string[] {
  return [...new Set(signIns.flatMap(({ ip }) => (ip === null ? [] : networkOf(ip))))]
}

export function isFamiliarNetwork({ ip }: DetectedEvent, signIns: readonly SignIn[]): boolean {
  return ip !== null && familiarNetworks(signIns).includes(networkOf(ip))
}

/** A browser or app that the user was not seen with; the very first one is none. */
export const isNewDevice = ({ data }: DetectedEvent): boolean => data['newDevice'] === true
