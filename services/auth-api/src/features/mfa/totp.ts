import { randomBytes, timingSafeEqual } from 'node:crypto'
import { HOTP, Secret, TOTP } from 'otpauth'

// What every authenticator app can do (RFC 6238 with its defaults). Several ignore other values in the URL, and then show codes
// that are never right.
const algorithm = 'SHA1'
const digits = 6
const periodSeconds = 30

/** RFC 4226, 4, R6: 160 bits. */
const seedBytes = 20

export const newSeed = (): Buffer => randomBytes(seedBytes)

/** What people type where they cannot scan: base32, as apps expect it. */
export const secretText = (seed: Buffer): string => secretOf(seed).base32

/** What the QR code says. `issuer` and `label` are shown in the app's list of accounts. */
export function otpauthUrl(seed: Buffer, { issuer, label }: { issuer: string; label: string }): string {
  const secret = secretOf(seed)
  return new TOTP({ issuer, label, secret, algorithm, digits, period: periodSeconds }).toString()
}

/**
 * The time step that a code is of: the present one or the one before, for slow fingers and clocks (RFC 6238, 5.2), and none that is
 * not after the last used one. Null for a wrong code. Both are compared whatever the first says.
 */
export function findStep(
  seed: Buffer,
  code: string,
  { nowMs, lastUsedStep }: { nowMs: number; lastUsedStep: number },
): number | null {
  const present = Math.floor(nowMs / 1000 / periodSeconds)
  const matching = [present, present - 1].filter((step) => isSameCode(code, codeAt(seed, step)))
  return matching.find((step) => step > lastUsedStep) ?? null
}

export function codeAt(seed: Buffer, step: number): string {
  return HOTP.generate({ secret: secretOf(seed), algorithm, digits, counter: step })
}

function isSameCode(given: string, expected: string): boolean {
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected))
}

/** A copy: a Buffer may be a view of memory that others share. */
function secretOf(seed: Buffer): Secret {
  return new Secret({ buffer: Uint8Array.from(seed).buffer })
}
