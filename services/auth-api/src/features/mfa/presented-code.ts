import { AppError } from '@latchkey/contracts/errors'
import type { PasskeyAssertion } from '@latchkey/contracts/http/passkeys'

/** A second factor as it was typed. */
export type PresentedCode =
  | { readonly method: 'totp'; readonly code: string }
  | { readonly method: 'recovery_code'; readonly code: string }

export type SecondFactorMethod = PresentedCode['method']

/**
 * RFC 8176: how a user has authenticated who gave this beside a first factor. It has no word for a recovery code, a look-up secret of
 * NIST SP 800-63B, 3.1.2.
 */
export const amrOf: Readonly<Record<SecondFactorMethod, readonly string[]>> = {
  totp: ['otp', 'mfa'],
  recovery_code: ['mfa'],
}

/** A second factor, typed or signed. */
export type PresentedFactor =
  PresentedCode | { readonly method: 'passkey'; readonly passkey: PasskeyAssertion }

/** @throws AppError validation_failed for more than one and for none. */
export function readPresentedFactor({
  passkey,
  ...codes
}: {
  code?: string | undefined
  recoveryCode?: string | undefined
  passkey?: PasskeyAssertion | undefined
}): PresentedFactor {
  if (passkey === undefined) return readPresentedCode(codes)
  if (codes.code !== undefined || codes.recoveryCode !== undefined)
    throw invalid('/passkey', 'cannot be given together with a code')
  return { method: 'passkey', passkey }
}

/** @throws AppError validation_failed for both and for none. */
export function readPresentedCode({
  code,
  recoveryCode,
}: {
  code?: string | undefined
  recoveryCode?: string | undefined
}): PresentedCode {
  if (code !== undefined && recoveryCode !== undefined)
    throw invalid('/recoveryCode', 'cannot be given together with code')
  if (code !== undefined) return { method: 'totp', code }
  if (recoveryCode !== undefined) return { method: 'recovery_code', code: recoveryCode }
  throw invalid('/code', 'is required unless recoveryCode is given')
}

const invalid = (path: string, message: string): AppError =>
  new AppError('validation_failed', undefined, { errors: [{ path, message }] })
