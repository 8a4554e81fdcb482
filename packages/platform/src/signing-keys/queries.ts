import type { Sql } from '../database/client.js'
import type { PublicJwk, SigningAlgorithm } from './signing-key.js'

export interface SigningKeyRow {
  kid: string
  algorithm: string
  publicJwk: unknown
  sealedPrivateKey: Buffer
  activatesAt: Date
  databaseNow: Date
}

/**
 * Published keys, the one that activates last first. The time is not now(), the start of a transaction: whoever waited for the lock
 * must see the key of the one who held it as active.
 * Not for the worker's role, which may not read sealed keys.
 */
export async function findPublishedSigningKeys(sql: Sql): Promise<SigningKeyRow[]> {
  return sql<SigningKeyRow[]>`
    SELECT kid, algorithm, public_jwk, sealed_private_key, activates_at, clock_timestamp() AS database_now
    FROM signing_keys
    WHERE revoked_at IS NULL AND (retires_at IS NULL OR retires_at > now())
    ORDER BY activates_at DESC, kid`
}

/** Held until the transaction ends: of several processes that find the same reason for a new key, one makes it. */
export async function lockSigningKeys(sql: Sql): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('latchkey:signing_keys'))`
}

export async function hasSigningKeyInUse(sql: Sql): Promise<boolean> {
  const rows = await sql`
    SELECT FROM signing_keys
    WHERE revoked_at IS NULL AND retires_at IS NULL AND activates_at <= clock_timestamp()
    LIMIT 1`
  return rows.length > 0
}

/** The key that signs now, by the database's clock; null when none does. */
export async function findSigningKeyInUse(sql: Sql): Promise<string | null> {
  const [row] = await sql<{ kid: string }[]>`
    SELECT kid FROM signing_keys
    WHERE revoked_at IS NULL AND (retires_at IS NULL OR retires_at > clock_timestamp()) AND activates_at <= clock_timestamp()
    ORDER BY activates_at DESC, kid
    LIMIT 1`
  return row?.kid ?? null
}

/** False when the key is unknown, retired or revoked before. */
export async function revokePublishedSigningKey(sql: Sql, kid: string): Promise<boolean> {
  const { count } = await sql`
    UPDATE signing_keys SET revoked_at = now()
    WHERE kid = ${kid} AND revoked_at IS NULL AND (retires_at IS NULL OR retires_at > clock_timestamp())`
  return count > 0
}

/** Those that are published and have not signed anything yet. */
export async function revokeWaitingSigningKeys(sql: Sql): Promise<void> {
  await sql`UPDATE signing_keys SET revoked_at = now() WHERE revoked_at IS NULL AND activates_at > clock_timestamp()`
}

/** False when there is no key at all: the first one is the api's to make. */
export async function isNewestSigningKeyOlderThan(sql: Sql, seconds: number): Promise<boolean> {
  const [row] = await sql<{ isOlder: boolean }[]>`
    SELECT coalesce(max(activates_at) < now() - make_interval(secs => ${seconds}), false) AS is_older
    FROM signing_keys
    WHERE revoked_at IS NULL AND retires_at IS NULL`
  return row?.isOlder === true
}

interface NewSigningKeyRow {
  kid: string
  algorithm: SigningAlgorithm
  publicJwk: PublicJwk
  sealedPrivateKey: Buffer
}

export async function insertSigningKey(sql: Sql, key: NewSigningKeyRow, leadSeconds: number): Promise<Date> {
  const [row] = await sql<{ activatesAt: Date }[]>`
    INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key, activates_at)
    VALUES (${key.kid}, ${key.algorithm}, ${sql.json({ ...key.publicJwk })}, ${key.sealedPrivateKey},
      now() + make_interval(secs => ${leadSeconds}))
    RETURNING activates_at`
  if (row === undefined) throw new Error('The new signing key was not stored')
  return row.activatesAt
}

/** Every other key signs until `successor` activates and is published until its last token has died. */
export async function retireSigningKeysBefore(
  sql: Sql,
  successor: string,
  overlapSeconds: number,
): Promise<number> {
  const { count } = await sql`
    UPDATE signing_keys
    SET retires_at = successor.activates_at + make_interval(secs => ${overlapSeconds})
    FROM (SELECT activates_at FROM signing_keys WHERE kid = ${successor}) AS successor
    WHERE kid <> ${successor} AND revoked_at IS NULL AND retires_at IS NULL`
  return count
}

/** Written with the rotation itself, so that the log has it exactly when it happened. */
export async function insertKeyRotatedEvent(
  sql: Sql,
  kid: string,
  algorithm: SigningAlgorithm,
  activatesAt: Date,
): Promise<void> {
  await sql`
    INSERT INTO outbox (type, severity, data)
    VALUES ('key.rotated', 'notice', ${sql.json({ kid, algorithm, activatesAt: activatesAt.toISOString() })})`
}

export async function insertKeyRevokedEvent(sql: Sql, kid: string, successor: string | null): Promise<void> {
  await sql`
    INSERT INTO outbox (type, severity, data)
    VALUES ('key.revoked', 'critical', ${sql.json({ kid, successor })})`
}

/** Nothing that these keys signed is still valid. */
export async function deleteRetiredSigningKeys(sql: Sql): Promise<void> {
  await sql`DELETE FROM signing_keys WHERE retires_at <= now()`
}
