import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import { ownWords, type PasswordOwner } from './own-words.js'
import { passwordFaults } from './password-policy.js'

interface PolicyDeps extends Pick<Deps, 'breachedPasswords'> {
  readonly config: Pick<Deps['config'], 'passwordMinLength' | 'publicUrl' | 'issuer'>
}

export interface ChosenPassword {
  password: string
  owner: PasswordOwner
  /** What it is to replace, where that is known. */
  present?: string
  /** JSON Pointer of the field that the reasons are about. */
  path: string
}

/**
 * To be called wherever somebody sets a password, and before anything is done with it. May wait for the look-up among breached ones, so
 * never inside a transaction.
 * @throws AppError password_rejected with every reason.
 */
export async function assertGoodPassword(
  { breachedPasswords, config }: PolicyDeps,
  { password, owner, present, path }: ChosenPassword,
): Promise<void> {
  const measure = { minLength: config.passwordMinLength, ownWords: ownWords(owner, config) }
  const faults = passwordFaults(password, measure)
  if (present?.normalize('NFKC') === password.normalize('NFKC')) faults.push('is the one you have now')
  // Nobody else learns even a part of the hash of one that is refused anyway.
  if (faults.length === 0 && (await breachedPasswords.include(password)))
    faults.push('is known from a breach of another service')
  if (faults.length === 0) return
  throw new AppError('password_rejected', undefined, { errors: faults.map((message) => ({ path, message })) })
}
