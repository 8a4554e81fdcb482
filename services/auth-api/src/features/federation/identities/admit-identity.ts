import { AppError } from '@latchkey/contracts/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { isUniqueViolation } from '@latchkey/platform/database/errors'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { fileTraits } from '@latchkey/platform/traits/queries'
import type { Deps } from '../../../deps.js'
import type { RequestOrigin } from '../../../request-origin.js'
import { claimAccount } from '../../mail-links/claim-account.js'
import { lockOwner } from '../../mfa/lock-owner.js'
import type { ForeignIdentity } from '../providers/foreign-identity.js'
import {
  findOwnerOfIdentity,
  findUserByEmail,
  insertForeignUser,
  insertIdentity,
  useIdentity,
} from './queries.js'

export type AdmitDeps = Pick<Deps, 'config' | 'keyring' | 'revocations' | 'sql' | 'traits'>

/** Whose account it is. The user is locked until the transaction ends. */
export interface Admitted {
  readonly userId: string
  readonly mfaEnabled: boolean
}

/**
 * Finds the account of whoever has signed in elsewhere, or makes it, and goes on with `act` in the same transaction. An account is
 * theirs by its identity, or by an address that is proven on both sides; never by what a provider merely repeats (security.md, 7).
 * @throws AppError invalid_credentials for a disabled user, identity_email_unproven, account_exists_link_required, registration_required;
 * what `act` throws.
 */
export async function admitIdentity<Result>(
  deps: AdmitDeps,
  identity: ForeignIdentity,
  origin: RequestOrigin,
  act: (sql: Sql, admitted: Admitted) => Promise<Result>,
): Promise<Result> {
  const attempt = () =>
    deps.sql.begin(async (sql) => {
      const { endedSessionIds, ...admitted } = await findOrMakeAccount(sql, deps, identity, origin)
      return { result: await act(sql, admitted), endedSessionIds }
    })
  const { result, endedSessionIds } = await attempt().catch((error: unknown) => {
    // Somebody was first with the identity or the address, or unlinked it: how things are now decides.
    if (!isOutrun(error)) throw error
    return attempt().catch((again: unknown) => {
      // An address that may still go back to the account that had it.
      throw isOutrun(again)
        ? new AppError('account_exists_link_required', undefined, { cause: again })
        : again
    })
  })
  await deps.revocations.revoke(endedSessionIds)
  return result
}

class Outrun extends Error {}

function isOutrun(error: unknown): boolean {
  return (
    error instanceof Outrun ||
    isUniqueViolation(error, 'users_email_key') ||
    isUniqueViolation(error, 'identities_subject_key')
  )
}

interface Account extends Admitted {
  readonly endedSessionIds: readonly string[]
}

async function findOrMakeAccount(
  sql: Sql,
  deps: AdmitDeps,
  identity: ForeignIdentity,
  origin: RequestOrigin,
): Promise<Account> {
  const userId = await findOwnerOfIdentity(sql, identity)
  if (userId !== null) {
    await lockOwner(sql, userId)
    const used = await useIdentity(sql, identity, { userId, origin })
    if (used === null) throw new Outrun()
    if (used.isDisabled) throw new AppError('invalid_credentials')
    if (deps.config.requireEmailVerification && !used.isAddressProven)
      throw new AppError('identity_email_unproven')
    return { userId, mfaEnabled: used.mfaEnabled, endedSessionIds: [] }
  }
  const { email, isEmailProven } = identity
  // Where registering tells nobody which addresses have an account, a provider that lets people type any must not tell it either.
  if (email === null || (!isEmailProven && deps.config.requireEmailVerification))
    throw new AppError('identity_email_unproven')
  const owner = await findUserByEmail(sql, email)
  if (owner === null) return makeAccount(sql, deps, { ...identity, email }, origin)
  if (!isEmailProven) throw new AppError('account_exists_link_required')
  if (owner.isDisabled) throw new AppError('invalid_credentials')
  return takeAccount(sql, { ...identity, email }, owner.id, origin)
}

type WithAddress = ForeignIdentity & { readonly email: string }

/** The account of the address. Where nobody had proven that before, what its registrant left ends here. */
async function takeAccount(
  sql: Sql,
  identity: WithAddress,
  userId: string,
  origin: RequestOrigin,
): Promise<Account> {
  await lockOwner(sql, userId)
  const claim = await claimAccount(sql, { userId, email: identity.email }, origin)
  if (claim === null) throw new Outrun()
  await link(sql, identity, { userId, isNews: true, origin })
  return { userId, ...claim }
}

async function makeAccount(
  sql: Sql,
  { keyring, traits }: AdmitDeps,
  identity: WithAddress,
  origin: RequestOrigin,
): Promise<Account> {
  const checked = traits.checkNew({}, { author: 'user', userType: null })
  if (checked.errors !== null)
    throw new AppError('registration_required', undefined, { errors: checked.errors })
  const userId = newId()
  const { provider, email, isEmailProven, name, locale } = identity
  const user = { id: userId, email, isEmailProven, name, locale, traits: checked.traits, provider, origin }
  await insertForeignUser(sql, newOneTimeToken(keyring, 'verify_email'), user)
  await fileTraits(sql, userId, traits.toFile(checked.traits))
  await link(sql, identity, { userId, isNews: false, origin })
  return { userId, mfaEnabled: false, endedSessionIds: [] }
}

async function link(
  sql: Sql,
  { provider, issuer, subject, email }: ForeignIdentity,
  to: { userId: string; isNews: boolean; origin: RequestOrigin },
): Promise<void> {
  const linked = { id: newId(), provider, issuer, subject, email, sessionId: null, ...to }
  if ((await insertIdentity(sql, linked)) === null) throw new Outrun()
}
