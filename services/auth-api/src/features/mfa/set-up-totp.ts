import { AppError } from '@latchkey/contracts/errors'
import type { TotpSetup } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import { enrolmentSeconds } from './mfa-token.js'
import { qrCodeDataUrl } from './qr-code.js'
import { keepPendingSeed } from './enrolment/queries.js'
import { newSeed, otpauthUrl, secretText } from './totp.js'
import { sealSeed } from './totp-seed.js'

/**
 * A new seed, which is in force for nothing until `enableTotp` has seen a code of it. It takes the place of one that was set up before
 * and leaves the one in force alone, so that a new phone is set up while the old one still opens the account.
 */
export async function setUpTotp(
  { config, keyring, sql }: Pick<Deps, 'config' | 'keyring' | 'sql'>,
  userId: string,
): Promise<TotpSetup> {
  const seed = newSeed()
  const pendingSeed = sealSeed(keyring, userId, seed)
  const owner = await keepPendingSeed(sql, { userId, pendingSeed, ttlSeconds: enrolmentSeconds })
  // Disabled or deleted since the access token was checked: no session of theirs is left either.
  if (owner === null) throw new AppError('session_revoked')
  const url = otpauthUrl(seed, { issuer: new URL(config.publicUrl).host, label: owner.email })
  return { secret: secretText(seed), otpauthUrl: url, qrCode: qrCodeDataUrl(url) }
}
