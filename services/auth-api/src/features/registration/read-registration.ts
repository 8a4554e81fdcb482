import { AppError, type FieldError } from '@latchkey/contracts/errors'
import type { RegisterBody } from '@latchkey/contracts/http/bodies'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import type { Traits } from '@latchkey/platform/traits/traits'

export interface Registration {
  email: string
  password: string
  username: string | null
  name: string | null
  userType: string | null
  traits: Readonly<Record<string, unknown>>
  locale: string | null
}

/** What the schema cannot say of a registration. @throws AppError validation_failed. */
export function readRegistration(body: RegisterBody, rules: Traits): Registration {
  const email = normaliseEmail(body.email)
  const errors: FieldError[] = []
  if (email === null) errors.push({ path: '/email', message: 'is not an e-mail address' })
  if (body.passwordConfirmation !== undefined && body.passwordConfirmation !== body.password)
    errors.push({ path: '/passwordConfirmation', message: 'is not the same as the password' })
  const userType = body.userType ?? null
  const traits = rules.checkNew(body.traits ?? {}, { author: 'user', userType })
  errors.push(...(traits.errors ?? []))
  if (email === null || traits.errors !== null || errors.length > 0)
    throw new AppError('validation_failed', undefined, { errors })
  return {
    email,
    password: body.password,
    username: body.username?.toLowerCase() ?? null,
    name: body.name ?? null,
    userType,
    traits: traits.traits,
    locale: body.locale ?? null,
  }
}
