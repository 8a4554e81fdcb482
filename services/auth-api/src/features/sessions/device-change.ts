import { type Fingerprint, isSameAgent, isSameNetwork } from './fingerprint.js'

/** How the device that presents a token differs from the one that its session is on. */
export interface DeviceChange {
  from: Fingerprint
  to: Fingerprint
  changed: readonly ('agent' | 'network')[]
}

/** Null when it is the same, or when nobody noted what the session is on. */
export function deviceChange(from: Fingerprint | null, to: Fingerprint): DeviceChange | null {
  if (from === null || from.equals(to)) return null
  if (isSameNetwork(from, to)) return { from, to, changed: ['agent'] }
  return { from, to, changed: isSameAgent(from, to) ? ['network'] : ['agent', 'network'] }
}
