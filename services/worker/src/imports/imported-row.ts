import { maxRoles, roleShape } from '@latchkey/contracts/roles'
import type { FieldError } from '@latchkey/contracts/errors'
import {
  DisplayName,
  Email,
  Locale,
  Traits as TraitsField,
  Username,
  UserType,
} from '@latchkey/contracts/http/fields'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { isAffordable } from '@latchkey/platform/passwords/argon2-hash'
import { tooCostly } from '@latchkey/platform/passwords/hash-refusal'
import { HashRefusal, readStoredHash } from '@latchkey/platform/passwords/stored-hash'
import type { Traits } from '@latchkey/platform/traits/traits'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import { Type } from 'typebox'

/** A user as the file may describe one. `null` is as good as left out. */
const RowFields = {
  email: Email,
  username: Username,
  name: DisplayName,
  userType: UserType,
  roles: Type.Array(Type.String({ pattern: roleShape }), { maxItems: maxRoles, uniqueItems: true }),
  traits: TraitsField,
  locale: Locale,
  passwordHash: Type.String({ minLength: 1, maxLength: 512 }),
  emailVerified: Type.Boolean(),
  createdAt: Type.String({ format: 'date-time' }),
  disabled: Type.Boolean(),
}
const Row = Type.Object(
  { ...Type.Partial(Type.Object(RowFields)).properties, email: Email },
  { additionalProperties: false },
)
const row = compileSchema(Row)

export const rowFields: readonly string[] = Object.keys(RowFields)

export interface ImportedUser {
  readonly line: number
  /** As it was given. */
  readonly row: unknown
  readonly email: string
  readonly username: string | null
  readonly name: string | null
  readonly userType: string | null
  readonly roles: readonly string[]
  readonly traits: Readonly<Record<string, unknown>>
  readonly locale: string | null
  readonly passwordHash: string | null
  readonly isVerified: boolean
  /** ISO 8601; null for now. */
  readonly createdAt: string | null
  readonly isDisabled: boolean
}

export type CheckedRow =
  { readonly user: ImportedUser; readonly errors: null } | { readonly errors: readonly FieldError[] }

export interface RowRules {
  readonly traits: Traits
  /** Whether rows may say what their users may do. */
  readonly mayHaveRoles: boolean
  readonly hasFirebaseSignerKey: boolean
}

/** Whether a row makes a user, by the same rules as registration; what an admin may set, a row may too. */
export function checkRow(line: number, given: unknown, rules: RowRules): CheckedRow {
  const value = withoutNulls(given)
  if (!row.matches(value)) return { errors: [describeMismatch(row.problemOf(value) ?? '')] }
  const email = normaliseEmail(value.email)
  const userType = value.userType ?? null
  const traits = rules.traits.checkNew(value.traits ?? {}, { author: 'admin', userType })
  const errors = [
    ...(email === null ? [{ path: '/email', message: 'is not an e-mail address' }] : []),
    ...problem('/roles', rolesProblem(value.roles, rules)),
    ...problem('/passwordHash', hashProblem(value.passwordHash, rules)),
    ...problem('/createdAt', timeProblem(value.createdAt)),
    ...(traits.errors ?? []),
  ]
  if (email === null || traits.errors !== null || errors.length > 0) return { errors }
  const user = {
    line,
    row: given,
    email,
    username: value.username?.toLowerCase() ?? null,
    name: value.name ?? null,
    userType,
    roles: value.roles ?? ['user'],
    traits: traits.traits,
    locale: value.locale ?? null,
    passwordHash: value.passwordHash ?? null,
    isVerified: value.emailVerified ?? false,
    createdAt: value.createdAt ?? null,
    isDisabled: value.disabled ?? false,
  }
  return { user, errors: null }
}

/** Exports write what is missing as null. */
function withoutNulls(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  const entries = Object.entries(given)
  return entries.some(([, value]) => value === null)
    ? Object.fromEntries(entries.filter(([, value]) => value !== null))
    : given
}

function describeMismatch(text: string): FieldError {
  const [, path = '', message = text] = /^(\S*) (.*)$/s.exec(text) ?? []
  return { path, message }
}

const problem = (path: string, message: string | null): FieldError[] =>
  message === null ? [] : [{ path, message }]

function rolesProblem(roles: readonly string[] | undefined, { mayHaveRoles }: RowRules): string | null {
  return roles === undefined || mayHaveRoles ? null : 'are only taken with --allow-roles'
}

function hashProblem(text: string | undefined, { hasFirebaseSignerKey }: RowRules): string | null {
  if (text === undefined) return null
  try {
    const hash = readStoredHash(text)
    if (hash.scheme === 'argon2' && !isAffordable(hash)) return tooCostly
    if (hash.scheme === 'argon2' && hash.keyId !== null) return 'was made with a pepper'
    if (hash.scheme === 'firebase-scrypt' && hash.signerKey === null && !hasFirebaseSignerKey)
      return 'has no sk=, so that it needs the setting FIREBASE_SIGNER_KEY'
    return null
  } catch (error) {
    if (error instanceof HashRefusal) return error.message
    throw error
  }
}

function timeProblem(createdAt: string | undefined): string | null {
  return createdAt !== undefined && Date.parse(createdAt) > Date.now() ? 'is in the future' : null
}
