import { DisplayName, Locale } from '@latchkey/contracts/http/fields'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'

/** Who somebody is at a provider, as it has just told us. */
export interface ForeignIdentity {
  readonly provider: string
  readonly issuer: string
  /** Never reassigned at its issuer (OpenID Connect Core 1.0, section 2), which an address may be. */
  readonly subject: string
  readonly email: string | null
  /** Whether the address can be taken for theirs: the provider says so, and is believed. */
  readonly isEmailProven: boolean
  readonly name: string | null
  readonly locale: string | null
}

export type Claims = Readonly<Record<string, unknown>>

/** OpenID Connect Core 1.0, section 2: at most 255 ASCII characters. */
const subjectShape = /^[ -~]{1,255}$/
const nameSchema = compileSchema(DisplayName)
const localeSchema = compileSchema(Locale)

/**
 * What is kept of claims that were verified; null without a subject. What a person could have typed there is taken only in the form that
 * they could have typed here.
 */
export function readIdentity(
  provider: { id: string; isBelieved: (email: string, claims: Claims) => boolean },
  issuer: string,
  claims: Claims,
): ForeignIdentity | null {
  const { sub: subject } = claims
  if (typeof subject !== 'string' || !subjectShape.test(subject)) return null
  const email = typeof claims['email'] === 'string' ? normaliseEmail(claims['email']) : null
  return {
    provider: provider.id,
    issuer,
    subject,
    email,
    // `true` and nothing like it: some providers write "true", and some "false".
    isEmailProven: email !== null && claims['email_verified'] === true && provider.isBelieved(email, claims),
    name: nameSchema.matches(claims['name']) ? claims['name'] : null,
    locale: localeSchema.matches(claims['locale']) ? claims['locale'] : null,
  }
}
