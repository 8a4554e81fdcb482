import { createHash, randomBytes } from 'node:crypto'
import type { Sql } from '@latchkey/platform/database/client'
import { consumeChallenge, insertChallenge, type AssertionScope, type ChallengeScope } from './queries.js'

export type { AssertionScope, ChallengeScope }

/** How long a person may look for the key, or for the phone that has it. */
export const challengeSeconds = 300

/** 32 random bytes in base64url: 2 of the last of 43 characters are unused, so that each has exactly one spelling. */
const shape = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** A challenge that answers one ceremony, once. Kept as a hash, so that a copy of the table is nothing to sign. */
export async function newChallenge(sql: Sql, scope: ChallengeScope): Promise<string> {
  const challenge = randomBytes(32).toString('base64url')
  await insertChallenge(sql, { ...scope, challengeHash: sha256(challenge), ttlSeconds: challengeSeconds })
  return challenge
}

/** Uses the challenge up whatever becomes of its answer, so that each is tried once. */
export async function takeChallenge(sql: Sql, scope: ChallengeScope, challenge: string): Promise<boolean> {
  return (
    shape.test(challenge) && (await consumeChallenge(sql, { ...scope, challengeHash: sha256(challenge) }))
  )
}

/** What a challenge of a session is bound to. */
export const sessionBinding = (sessionId: string): Buffer => Buffer.from(sessionId.replaceAll('-', ''), 'hex')

function sha256(challenge: string): Buffer {
  return createHash('sha256').update(challenge).digest()
}
