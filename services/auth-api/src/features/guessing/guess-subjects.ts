import { accountSubject, guessSubject } from '@latchkey/platform/accounts/guess-subject'
import type { SecretKeys } from '@latchkey/platform/crypto/keyring'
import type { DevicePass } from '../../device-pass.js'

export interface GuessedUser {
  id: string
  email: string
  /** Null for a user without a password. */
  passwordChangedAt: Date | null
}

/** Who is guessed at, and from which device. */
export interface GuessTarget {
  /** Null for a name that nobody has. */
  user: GuessedUser | null
  /** What counts where there is no user: how the account was named. Accounts count by their e-mail address, spelled `email a@b`. */
  name: string
  pass: DevicePass | null
}

/** What has counters of its own, as the table knows it. */
export interface GuessSubjects {
  account: Buffer
  /** Null without a pass of this user's that is newer than the password. */
  device: Buffer | null
}

/**
 * An account counts by its e-mail address, whatever it is called by, and an address that nobody has counts the same way: a
 * lockout neither begins nor ends because somebody registers, leaves, or is told apart from nobody.
 */
export function guessSubjects(
  keys: Pick<SecretKeys, 'guesses'>,
  { user, name, pass }: GuessTarget,
): GuessSubjects {
  return {
    account: user === null ? guessSubject(keys, name) : accountSubject(keys, user.email),
    device: user !== null && isPassOf(user, pass) ? guessSubject(keys, `device ${pass.deviceId}`) : null,
  }
}

/** A password that was set after the pass was issued may be the answer to a device in the wrong hands. */
function isPassOf({ id, passwordChangedAt }: GuessedUser, pass: DevicePass | null): pass is DevicePass {
  return pass?.userId === id && (passwordChangedAt === null || passwordChangedAt <= pass.issuedAt)
}
