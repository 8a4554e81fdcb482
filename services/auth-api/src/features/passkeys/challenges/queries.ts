import type { Sql } from '@latchkey/platform/database/client'

/** What a challenge is for. One that was made for something else, or for somebody else, is no challenge. */
export type ChallengeScope = AssertionScope | (Bound & { readonly purpose: 'registration' })

/** What a passkey is presented for. */
export type AssertionScope =
  | { readonly purpose: 'sign_in'; readonly userId: null; readonly boundTo: null }
  | (Bound & { readonly purpose: 'second_factor' | 'step_up' })

interface Bound {
  readonly userId: string
  /** Who may answer: the session, or the hash of the token of a sign-in that is under way. */
  readonly boundTo: Buffer
}

export async function insertChallenge(
  sql: Sql,
  challenge: ChallengeScope & { challengeHash: Buffer; ttlSeconds: number },
): Promise<void> {
  await sql`
    INSERT INTO passkey_challenges (challenge_hash, purpose, user_id, bound_to, expires_at)
    VALUES (${challenge.challengeHash}, ${challenge.purpose}, ${challenge.userId}, ${challenge.boundTo},
      now() + make_interval(secs => ${challenge.ttlSeconds}))`
}

/** Uses a challenge up. False when another request did, when it has expired, or when it is one of another scope, which stays. */
export async function consumeChallenge(
  sql: Sql,
  challenge: ChallengeScope & { challengeHash: Buffer },
): Promise<boolean> {
  const { count } = await sql`
    DELETE FROM passkey_challenges
    WHERE challenge_hash = ${challenge.challengeHash} AND purpose = ${challenge.purpose} AND expires_at > now()
      AND user_id IS NOT DISTINCT FROM ${challenge.userId}::uuid
      AND bound_to IS NOT DISTINCT FROM ${challenge.boundTo}::bytea`
  return count === 1
}
