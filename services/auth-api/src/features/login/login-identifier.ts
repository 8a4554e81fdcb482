import { AppError } from '@latchkey/contracts/errors'
import type { LoginBody } from '@latchkey/contracts/http/bodies'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'

export type LoginIdentifier = { kind: 'email' | 'username'; value: string }

/** Who signs in: by e-mail or by username, in lower case. @throws AppError validation_failed for both, none or no address. */
export function readLoginIdentifier({ email, username }: LoginBody): LoginIdentifier {
  if (email !== undefined && username !== undefined)
    throw invalid('/username', 'cannot be given together with email')
  if (username !== undefined) return { kind: 'username', value: username.toLowerCase() }
  if (email === undefined) throw invalid('/email', 'is required unless username is given')
  const address = normaliseEmail(email)
  if (address === null) throw invalid('/email', 'is not an e-mail address')
  return { kind: 'email', value: address.toLowerCase() }
}

const invalid = (path: string, message: string): AppError =>
  new AppError('validation_failed', undefined, { errors: [{ path, message }] })
