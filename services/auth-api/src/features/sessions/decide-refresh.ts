import { type Fingerprint, isSameAgent, isSameNetwork } from './fingerprint.js'
import { retryKeyOf } from './retry-keys.js'

/** What the table decides. `reused` is the case "theft". */
type RefreshCase = 'rotated' | 'race' | 'retry' | 'recovery' | 'superseded' | 'reused' | 'ahead' | 'dead'

/** What a refresh came to; also the label `outcome` of auth_refresh_total. */
export type RefreshOutcome = RefreshCase | 'device_changed' | 'forged'

/** A session row as one statement saw it, with the ages that the database's clock gives it. */
export interface SeenSession {
  generation: bigint
  isAlive: boolean
  /** Seconds since `rotated_at`. */
  rotatedAgeSeconds: number
  retryKeys: Buffer
  rotatedBy: Fingerprint | null
}

export interface PresentedToken {
  generation: bigint
  retryKey: Buffer | null
  fingerprint: Fingerprint
}

export interface RefreshWindows {
  refreshGraceSeconds: number
  refreshRecoverySeconds: number
}

const recoveryInNetworkSeconds = 24 * 60 * 60
const lateDuplicateSeconds = 60

type Decision = RefreshCase | { unlessConfirmed: 'retry' | 'recovery'; otherwise: 'superseded' | 'reused' }

/**
 * The table of refresh cases, for a token with a good MAC. Pure; where the answer hangs on whether the client has shown
 * that it holds the successor, both answers are given, so that the common cases never ask.
 */
export function decideRefresh(seen: SeenSession, token: PresentedToken, windows: RefreshWindows): Decision {
  if (!seen.isAlive) return 'dead'
  if (token.generation === seen.generation) return 'rotated'
  if (token.generation > seen.generation) return 'ahead'

  const rotationsAgo = seen.generation - token.generation - 1n
  const rotatedWith = retryKeyOf(seen.retryKeys, rotationsAgo)
  const repeatsRotation =
    rotatedWith !== null && token.retryKey !== null && rotatedWith.equals(token.retryKey)
  // A grandparent is theft even inside the grace window, unless it only repeats what was answered.
  if (rotationsAgo > 0n) return repeatsRotation ? 'superseded' : 'reused'

  if (seen.rotatedAgeSeconds <= windows.refreshGraceSeconds) return 'race'
  if (repeatsRotation) return { unlessConfirmed: 'retry', otherwise: 'superseded' }
  if (rotatedWith !== null || token.retryKey !== null || seen.rotatedBy === null) return 'reused'

  const sameAgent = isSameAgent(seen.rotatedBy, token.fingerprint)
  const samePlace = sameAgent && isSameNetwork(seen.rotatedBy, token.fingerprint)
  const mayRecover =
    (sameAgent && seen.rotatedAgeSeconds <= windows.refreshRecoverySeconds) ||
    (samePlace && seen.rotatedAgeSeconds <= recoveryInNetworkSeconds)
  const otherwise = samePlace && seen.rotatedAgeSeconds <= lateDuplicateSeconds ? 'superseded' : 'reused'
  return mayRecover ? { unlessConfirmed: 'recovery', otherwise } : otherwise
}
