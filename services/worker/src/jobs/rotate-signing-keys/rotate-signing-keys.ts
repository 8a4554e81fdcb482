import { rotateSigningKeyWhenDue } from '@latchkey/platform/signing-keys/rotate-signing-key'
import type { Deps } from '../../deps.js'

export async function rotateSigningKeys(
  deps: Pick<Deps, 'sql' | 'keyring' | 'config' | 'log'>,
): Promise<void> {
  const key = await rotateSigningKeyWhenDue(deps)
  if (key !== null) deps.log.info({ ...key }, 'signing key rotated')
}
