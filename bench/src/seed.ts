import { encodeRefreshToken } from '@latchkey/auth-api/features/sessions/refresh-token'
import type { Stand } from './stand.js'

/** Users with one live session each, and the same password. */
export async function seedUsers({ sql }: Stand, count: number, passwordHash: string): Promise<void> {
  await sql`TRUNCATE users, sessions CASCADE`
  await sql`
    INSERT INTO users (id, email)
    SELECT uuid_v7(), 'person-' || i || '@bench.example' FROM generate_series(1, ${count}::int) i`
  await sql`INSERT INTO credentials (user_id, password_hash) SELECT id, ${passwordHash} FROM users`
  await sql`
    INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at)
    SELECT uuid_v7(), id, now() + interval '7 days', now() + interval '30 days' FROM users`
  await sql`VACUUM ANALYZE users, credentials, sessions`
}

/** A refresh token of the present generation for each of up to `limit` sessions, made as auth-api makes it. */
export async function mintRefreshTokens({ sql, keyring }: Stand, limit: number): Promise<string[]> {
  const rows = await sql<
    { id: string; generation: string }[]
  >`SELECT id, generation FROM sessions LIMIT ${limit}`
  return rows.map(({ id, generation }) =>
    encodeRefreshToken(keyring.current, { sessionId: id, generation: BigInt(generation) }),
  )
}

export async function listEmails({ sql }: Stand, limit: number): Promise<string[]> {
  const rows = await sql<{ email: string }[]>`SELECT email FROM users LIMIT ${limit}`
  return rows.map(({ email }) => email)
}

/** For floors: a table like `sessions`, with the same rows, that no figure of Latchkey's own comes from. */
export async function createFloorSessions({ sql }: Stand): Promise<void> {
  await sql`CREATE TABLE floor_sessions (LIKE sessions INCLUDING ALL) WITH (fillfactor = 80)`
  await sql`INSERT INTO floor_sessions SELECT * FROM sessions`
}
