import { createHmac } from 'node:crypto'
import type { SecretKeys } from '../crypto/keyring.js'

/** Whom a guess is at, as the table of counters knows it. An account counts by its e-mail address, whatever it is called by. */
export function accountSubject(keys: Pick<SecretKeys, 'guesses'>, email: string): Buffer {
  return guessSubject(keys, `email ${email.toLowerCase()}`)
}

export function guessSubject({ guesses }: Pick<SecretKeys, 'guesses'>, text: string): Buffer {
  return createHmac('sha256', guesses).update(text).digest().subarray(0, 16)
}
