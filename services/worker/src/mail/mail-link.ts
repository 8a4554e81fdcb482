import { oneTimePurposes, type OneTimePurpose } from '@latchkey/contracts/one-time-tokens'
import { recoverOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { Deps } from '../deps.js'

/**
 * The link that a mail carries. The token is in the fragment, which browsers keep to themselves: no server log and no Referer has it.
 * Null when the token is no longer good.
 */
export function linkOf(
  { config, keyring }: Pick<Deps, 'config' | 'keyring'>,
  purpose: OneTimePurpose,
  { tokenId, tokenHash }: { tokenId: string | null; tokenHash: Buffer | null },
): string | null {
  if (tokenId === null || tokenHash === null) return null
  const token = recoverOneTimeToken(keyring, { purpose, id: tokenId, hash: tokenHash })
  return token === null ? null : `${config.publicUrl}${oneTimePurposes[purpose].path}#token=${token}`
}
