import { AppError } from '@latchkey/contracts/errors'
import type { PasskeyAssertion } from '@latchkey/contracts/http/passkeys'
import type { Sql } from '@latchkey/platform/database/client'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { lockOwner } from '../mfa/lock-owner.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { takeChallenge, type AssertionScope } from './challenges/challenge.js'
import { checkAssertion, type Assertion } from './check-assertion.js'
import { readClientData } from './client-data.js'
import { amrOfPasskey } from './passkey-amr.js'
import { disablePasskey, findPasskey, usePasskey, type StoredPasskey } from './queries.js'
import { relyingPartyOf } from './relying-party.js'

export type PresentDeps = Pick<Deps, 'config' | 'events' | 'revocations' | 'sql'>

export interface PasskeyAttempt {
  passkey: PasskeyAssertion
  /** What the challenge was given for. */
  scope: AssertionScope
  /** Null at sign-in, which has none yet. */
  sessionId: string | null
  origin: RequestOrigin
}

/** Whose passkey it was, and how its owner has authenticated by it. */
export interface PresentedPasskey {
  userId: string
  amr: string[]
}

/** Why a passkey was refused: for the event, never for the answer. */
type Failure =
  | 'invalid_challenge'
  | 'wrong_origin'
  | 'unknown_passkey'
  | 'foreign_passkey'
  | 'passkey_disabled'
  | 'invalid_response'
  | 'address_unproven'
  | 'account_disabled'
  | 'clone_suspected'

/** As events of codes have it. */
const duringOf = { sign_in: 'sign_in', second_factor: 'sign_in', step_up: 'step_up' } as const

interface Checked extends Assertion {
  stored: StoredPasskey
}

/**
 * The one way to act on a passkey. `act` runs in the transaction that notes its use, under `lockOwner`, and answers null where its owner may
 * not act any more. Nothing is counted against the account: a signature is no guess, and whoever tries some must not lock anybody out. A
 * challenge is good for one try.
 * @throws AppError invalid_credentials at sign-in, alike for whatever is wrong; else mfa_code_invalid; what `act` throws.
 */
export async function presentPasskey<Result extends object>(
  deps: PresentDeps,
  attempt: PasskeyAttempt,
  act: (sql: Sql, presented: PresentedPasskey) => Promise<Result | null>,
): Promise<Result> {
  const checked = await checkPasskey(deps, attempt)
  const { userId } = checked.stored
  const outcome = await deps.sql.begin(async (sql) => {
    await lockOwner(sql, userId)
    const use = await usePasskey(sql, { ...checked, id: checked.stored.id })
    if (use === 'gone') return { failure: 'passkey_disabled' as const }
    if (use === 'not_risen') return { endedSessionIds: await endClone(sql, attempt, checked.stored) }
    return { result: await act(sql, { userId, amr: amrOfPasskey(checked.stored) }) }
  })
  if ('failure' in outcome) throw await refuse(deps, attempt, outcome.failure, userId)
  if ('endedSessionIds' in outcome) {
    await deps.revocations.revoke(outcome.endedSessionIds)
    throw await refuse(deps, attempt, 'clone_suspected', userId)
  }
  if (outcome.result === null) throw await refuse(deps, attempt, 'account_disabled', userId)
  return outcome.result
}

async function checkPasskey(deps: PresentDeps, attempt: PasskeyAttempt): Promise<Checked> {
  const { passkey, scope } = attempt
  const clientData = readClientData(passkey.response.clientDataJSON)
  if (clientData === null) throw await refuse(deps, attempt, 'invalid_response')
  const { challenge, origin, isFramed } = clientData
  if (!(await takeChallenge(deps.sql, scope, challenge)))
    throw await refuse(deps, attempt, 'invalid_challenge')
  const relyingParty = relyingPartyOf(deps.config)
  if (isFramed || !relyingParty.origins.includes(origin)) throw await refuse(deps, attempt, 'wrong_origin')

  const stored = await findPasskey(deps.sql, Buffer.from(passkey.rawId, 'base64url'))
  if (stored === null) throw await refuse(deps, attempt, 'unknown_passkey')
  const { userId } = stored
  if (scope.userId !== null && scope.userId !== userId)
    throw await refuse(deps, attempt, 'foreign_passkey', userId)
  const assertion = await checkAssertion(relyingParty, passkey, {
    stored,
    challenge,
    isUserKnown: scope.userId !== null,
  })
  if (assertion === null) throw await refuse(deps, attempt, 'invalid_response', userId)
  // Only now: nobody but its holder learns from an event of theirs, or its absence, how the account stands.
  if (stored.isDisabled) throw await refuse(deps, attempt, 'passkey_disabled', userId)
  if (deps.config.requireEmailVerification && !stored.isAddressProven)
    throw await refuse(deps, attempt, 'address_unproven', userId)
  return { ...assertion, stored }
}

/**
 * A counter that has not risen: somebody else signs with the same key (Web Authentication Level 3, 6.1.1). Which of the two this is, nobody
 * can tell, and whoever holds a copy may count as high as they like: so the passkey is good for nothing any more, and which sessions the
 * other one has opened is not known, so all end.
 */
async function endClone(
  sql: Sql,
  { scope, sessionId, origin }: PasskeyAttempt,
  { id, userId }: StoredPasskey,
): Promise<string[]> {
  await disablePasskey(sql, { id, during: duringOf[scope.purpose], sessionId, origin })
  return revokeSessions(sql, { userId, exceptSessionId: null, reason: 'passkey_cloned', origin })
}

async function refuse(
  { events }: PresentDeps,
  { scope, sessionId, origin }: PasskeyAttempt,
  reason: Failure,
  holderId?: string,
): Promise<AppError> {
  const isSignIn = scope.purpose === 'sign_in'
  // Of a foreign passkey the one is told whose second factor was asked for.
  const userId = scope.userId ?? holderId
  const data = { reason, method: 'passkey', during: duringOf[scope.purpose] }
  const type = isSignIn ? 'login.failed' : 'mfa.failed'
  await events.report(newSecurityEvent(type, { ...origin, userId, sessionId, data }))
  return new AppError(isSignIn ? 'invalid_credentials' : 'mfa_code_invalid')
}
