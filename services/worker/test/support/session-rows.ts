import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'

export async function insertUser(db: Sql): Promise<string> {
  const id = newId()
  await db`INSERT INTO users (id, email) VALUES (${id}, ${`${id}@example.com`})`
  return id
}

/** Seconds from now; negative ones have passed. */
export interface SessionTimes {
  idle?: number
  absolute?: number
  /** Null for a session that was never revoked. */
  revoked?: number | null
}

export async function insertSessions(
  db: Sql,
  userId: string,
  { idle = 3600, absolute = 7200, revoked = null }: SessionTimes = {},
  count = 1,
): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at, revoked_at, revoke_reason)
    SELECT gen_random_uuid(), ${userId}, now() + make_interval(secs => ${idle}), now() + make_interval(secs => ${absolute}),
      now() + make_interval(secs => ${revoked}::float8), CASE WHEN ${revoked}::float8 IS NOT NULL THEN 'logout' END
    FROM generate_series(1, ${count}::int)
    RETURNING id`
  return rows.map(({ id }) => id)
}

export async function remainingSessions(db: Sql): Promise<Set<string>> {
  const rows = await db<{ id: string }[]>`SELECT id FROM sessions`
  return new Set(rows.map(({ id }) => id))
}

export async function insertOneTimeTokens(db: Sql, expiresIn: number, count = 1): Promise<void> {
  const userId = await insertUser(db)
  await db`
    INSERT INTO one_time_tokens (id, token_hash, purpose, user_id, email, expires_at)
    SELECT gen_random_uuid(), sha256(uuid_send(gen_random_uuid())), 'undo_email_change', ${userId}, 'ada@example.com',
      now() + make_interval(secs => ${expiresIn})
    FROM generate_series(1, ${count}::int)`
}

export async function insertChallenges(db: Sql, expiresIn: number, count: number): Promise<void> {
  const userId = await insertUser(db)
  await db`
    INSERT INTO sign_in_challenges (token_hash, user_id, amr, expires_at)
    SELECT sha256(uuid_send(gen_random_uuid())), ${userId}, '{pwd}', now() + make_interval(secs => ${expiresIn})
    FROM generate_series(1, ${count}::int)`
}

export async function insertPasskeyChallenges(db: Sql, expiresIn: number, count: number): Promise<void> {
  await db`
    INSERT INTO passkey_challenges (challenge_hash, purpose, expires_at)
    SELECT sha256(uuid_send(gen_random_uuid())), 'sign_in', now() + make_interval(secs => ${expiresIn})
    FROM generate_series(1, ${count}::int)`
}

export async function insertFederationSteps(db: Sql, expiresIn: number, count: number): Promise<void> {
  await db`
    INSERT INTO federation_steps (token_hash, step, purpose, provider, holder_hash, expires_at)
    SELECT sha256(uuid_send(gen_random_uuid())), 'nonce', 'sign_in', 'google', sha256('holder'),
      now() + make_interval(secs => ${expiresIn})
    FROM generate_series(1, ${count}::int)`
}

export async function insertRememberedDevices(db: Sql, expiresIn: number, count: number): Promise<void> {
  const userId = await insertUser(db)
  await db`
    INSERT INTO remembered_devices (id, user_id, token_hash, expires_at)
    SELECT gen_random_uuid(), ${userId}, sha256(uuid_send(gen_random_uuid())), now() + make_interval(secs => ${expiresIn})
    FROM generate_series(1, ${count}::int)`
}

/** Of accounts that may be guessed at again so many seconds from now. */
export async function insertGuessCounters(db: Sql, openIn: number, count: number): Promise<void> {
  await db`
    INSERT INTO guess_counters (subject, attempts, open_at)
    SELECT uuid_send(gen_random_uuid()), 1, now() + make_interval(secs => ${openIn})
    FROM generate_series(1, ${count}::int)`
}
