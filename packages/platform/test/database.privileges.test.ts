// Attack: whoever gets hold of the api's or the worker's connection wants hashes and keys, wants to change what happened, or more rights.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { migrate } from '@latchkey/platform/database/migrate'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { connectForTest } from './support/database.js'
import { attacksOnLog } from './support/log-attacks.js'
import { attacksOnDatabase, isAllowed, isForbidden } from './support/privileges.js'

const { url, owner } = await createTestDatabase(t)
const userId = newId()
const sessionId = newId()
await owner`INSERT INTO users (id, email) VALUES (${userId}, 'victim@example.com')`
await owner`INSERT INTO credentials (user_id, password_hash) VALUES (${userId}, 'a hash')`
await owner`
  INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at, revoked_at, revoke_reason)
  VALUES (${sessionId}, ${userId}, now(), now(), now(), 'reuse')`
await owner`INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key, activates_at) VALUES ('k', 'ES256', '{}', 'sealed', now())`
await owner`INSERT INTO outbox (type, severity) VALUES ('login.succeeded', 'info')`
await owner`INSERT INTO security_events (id, occurred_at, type, severity) VALUES (${newId()}, now(), 'login.failed', 'notice')`
const [partition] = await owner<
  { name: string }[]
>`SELECT tableoid::regclass::text AS name FROM security_events`

const forBoth = [...attacksOnLog(partition?.name ?? ''), ...attacksOnDatabase]

t.test('the api', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_api' })
  await isForbidden(t, sql, [
    ...forBoth,
    'SELECT 1 FROM outbox',
    'SELECT data FROM mails',
    'DELETE FROM mails',
    'SELECT 1 FROM erasures',
    `SELECT erase_person('${userId}', '${userId}', NULL, NULL, NULL, NULL)`,
    `SELECT pseudonymise_events('${userId}', 1)`,
    'SELECT 1 FROM detection_windows',
    'DELETE FROM detection_windows',
    'UPDATE detection_cursor SET seq = 0',
    'DELETE FROM outbox',
    'UPDATE outbox SET type = type',
    'DELETE FROM users',
    `UPDATE users SET roles = '{admin}'`,
    'UPDATE users SET disabled_at = NULL',
    `INSERT INTO users (id, email, roles) VALUES ('${newId()}', 'admin@example.com', '{admin}')`,
    `UPDATE sessions SET absolute_expires_at = 'infinity'`,
    `UPDATE sessions SET user_id = user_id`,
    'UPDATE totp_factors SET user_id = user_id',
    'UPDATE recovery_codes SET user_id = user_id',
    'UPDATE sign_in_challenges SET user_id = user_id',
    'UPDATE identities SET user_id = user_id',
    'UPDATE identities SET subject = subject',
    'UPDATE federation_steps SET user_id = user_id',
    `UPDATE federation_steps SET expires_at = 'infinity'`,
    `UPDATE sign_in_challenges SET purpose = 'second_factor'`,
    'UPDATE remembered_devices SET user_id = user_id',
    'UPDATE remembered_devices SET token_hash = token_hash',
    `UPDATE remembered_devices SET expires_at = 'infinity'`,
    'UPDATE passkeys SET user_id = user_id',
    'UPDATE passkeys SET public_key = public_key',
    'UPDATE passkeys SET credential_id = credential_id',
    'UPDATE passkey_challenges SET user_id = user_id',
    `UPDATE passkey_challenges SET expires_at = 'infinity'`,
    `UPDATE sign_in_challenges SET expires_at = 'infinity'`,
    'UPDATE known_devices SET user_id = user_id',
    'UPDATE trait_values SET user_id = user_id',
    'UPDATE known_devices SET first_seen_at = now()',
    `UPDATE credentials SET user_id = user_id`,
    'DELETE FROM sessions',
    'DELETE FROM signing_keys',
    `UPDATE signing_keys SET sealed_private_key = 'mine'`,
    `UPDATE signing_keys SET public_jwk = '{}'`,
    'SELECT create_security_events_partition(now())',
    'SELECT store_security_events(NULL)',
    'SELECT drop_expired_security_events(30)',
    'SELECT trim_audit_chain(1)',
    'SELECT * FROM audit_batches',
    'INSERT INTO audit_anchors SELECT * FROM audit_anchors',
    `INSERT INTO service_clients (id, name, secret_hash, scopes) VALUES ('${newId()}', 'mine', sha256('mine'), '{token}')`,
    `UPDATE service_clients SET secret_hash = sha256('mine')`,
    'UPDATE service_clients SET disabled_at = NULL',
    `UPDATE service_clients SET scopes = '{token}'`,
    'DELETE FROM service_clients',
    `UPDATE one_time_tokens SET user_id = '${userId}'`,
    `UPDATE one_time_tokens SET purpose = 'reset_password'`,
  ])
  await isAllowed(t, sql, [
    'SELECT * FROM service_clients',
    'UPDATE service_clients SET last_used_at = now()',
    'SELECT * FROM users JOIN credentials ON user_id = id',
    'SELECT * FROM sessions FOR UPDATE',
    'UPDATE sessions SET authenticated_at = now(), amr = amr, ip = ip, user_agent = user_agent, device_fingerprint = device_fingerprint',
    `SELECT end_surplus_sessions('${userId}', '${sessionId}', 1)`,
    'DELETE FROM known_devices',
    `SELECT * FROM take_guess(decode(repeat('00', 16), 'hex'), 10, 900, 86400)`,
    'DELETE FROM guess_counters',
    'SELECT * FROM signing_keys',
    'SELECT * FROM security_events',
    `INSERT INTO outbox (type, severity) VALUES ('login.failed', 'notice')`,
    'SELECT * FROM one_time_tokens',
    'DELETE FROM credentials',
    `UPDATE users SET email = email, email_verified_at = now(), locale = 'de'`,
    'UPDATE one_time_tokens SET id = id, token_hash = token_hash, email = email, created_at = now(), expires_at = now()',
  ])
})

t.test('the worker', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_worker' })
  await isForbidden(t, sql, [
    ...forBoth,
    'SELECT 1 FROM credentials',
    'SELECT 1 FROM identities',
    'SELECT holder_hash FROM federation_steps',
    'SELECT 1 FROM passkeys',
    'SELECT user_id FROM passkey_challenges',
    'SELECT token_hash FROM remembered_devices',
    'SELECT user_id FROM remembered_devices',
    'UPDATE remembered_devices SET created_at = now()',
    `UPDATE credentials SET password_hash = 'mine'`,
    'SELECT roles FROM users',
    `UPDATE users SET traits = '{}'`,
    `UPDATE users SET email = 'thief@example.com'`,
    'UPDATE mails SET user_id = user_id',
    `INSERT INTO mails (event_id, template, user_id, data, status) VALUES ('${newId()}', 'x', '${userId}', '{}', 'sent')`,
    `UPDATE users SET roles = '{admin}'`,
    'SELECT sealed_private_key FROM signing_keys',
    'SELECT * FROM signing_keys',
    `UPDATE signing_keys SET public_jwk = '{}'`,
    'UPDATE sessions SET revoked_at = NULL, revoke_reason = NULL',
    'UPDATE sessions SET generation = generation + 1',
    `UPDATE sessions SET absolute_expires_at = 'infinity'`,
    `INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at) VALUES ('${newId()}', '${userId}', now(), now())`,
    'UPDATE outbox SET type = type',
    'SELECT registration FROM one_time_tokens',
    `UPDATE one_time_tokens SET token_hash = sha256('mine')`,
    'DELETE FROM detection_cursor',
    'INSERT INTO detection_cursor (only_one, seq) VALUES (false, 0)',
    'SELECT 1 FROM known_devices',
    'SELECT attempts FROM guess_counters',
    'UPDATE guess_counters SET attempts = 1',
    `SELECT * FROM take_guess(decode(repeat('00', 16), 'hex'), 10, 900, 86400)`,
    `SELECT erase_person('${userId}', '${userId}', NULL, NULL, NULL, NULL)`,
    `SELECT erase_own_account('${sessionId}', true, NULL, NULL, NULL)`,
    `INSERT INTO erasures (user_id, due_at) VALUES ('${userId}', now())`,
    'UPDATE erasures SET user_id = user_id',
    `SELECT end_surplus_sessions('${userId}', '${sessionId}', 1)`,
    `INSERT INTO one_time_tokens (id, token_hash, purpose, user_id, email, expires_at) VALUES ('${newId()}', sha256('mine'), 'reset_password', '${userId}', 'thief@example.com', now())`,
    'DELETE FROM service_clients',
    `UPDATE service_clients SET scopes = '{token}'`,
  ])
  await isAllowed(t, sql, [
    'SELECT ctid, id FROM sessions FOR UPDATE SKIP LOCKED',
    'DELETE FROM sessions WHERE revoked_at IS NOT NULL RETURNING id',
    'SELECT id, token_hash, user_id, email FROM one_time_tokens WHERE expires_at < now() FOR UPDATE SKIP LOCKED',
    'DELETE FROM one_time_tokens WHERE expires_at < now()',
    'SELECT subject FROM guess_counters WHERE open_at < now() FOR UPDATE SKIP LOCKED',
    'DELETE FROM guess_counters WHERE open_at < now()',
    'SELECT token_hash FROM sign_in_challenges WHERE expires_at < now() FOR UPDATE SKIP LOCKED',
    'DELETE FROM sign_in_challenges WHERE expires_at < now()',
    'SELECT token_hash FROM federation_steps WHERE expires_at < now() FOR UPDATE SKIP LOCKED',
    'DELETE FROM federation_steps WHERE expires_at < now()',
    'SELECT challenge_hash FROM passkey_challenges WHERE expires_at < now() FOR UPDATE SKIP LOCKED',
    'DELETE FROM passkey_challenges WHERE expires_at < now()',
    'SELECT id FROM remembered_devices WHERE expires_at < now() FOR UPDATE SKIP LOCKED',
    'DELETE FROM remembered_devices WHERE expires_at < now()',
    'SELECT id FROM outbox FOR UPDATE SKIP LOCKED',
    'WITH gone AS (DELETE FROM outbox RETURNING *) SELECT store_security_events(array_agg(ROW(gone.*)::outbox)) FROM gone',
    'SELECT * FROM audit_batches, audit_chain, audit_anchors',
    'SELECT trim_audit_chain(1)',
    'SELECT drop_expired_security_events(30)',
    'SELECT kid, algorithm, public_jwk, activates_at, retires_at FROM signing_keys',
    'DELETE FROM signing_keys WHERE retires_at < now()',
    'SELECT create_security_events_partition(now())',
    'SELECT id, email, name, locale, disabled_at FROM users',
    'SELECT id, traits FROM users FOR UPDATE',
    'DELETE FROM trait_values',
    `INSERT INTO mails (event_id, template, user_id, data) VALUES ('${newId()}', 'x', '${userId}', '{}')`,
    `UPDATE mails SET status = 'sent', settled_at = now(), data = '{}' WHERE settled_at IS NULL`,
    'DELETE FROM mails',
    'SELECT seq FROM detection_cursor FOR UPDATE SKIP LOCKED',
    'UPDATE detection_cursor SET seq = seq',
    'DELETE FROM detection_windows',
  ])
})

t.test('a user with one of the roles cannot become more', async (t) => {
  const name = `latchkey_test_${randomBytes(6).toString('hex')}`
  for (const role of ['latchkey_api', 'latchkey_worker'] as const) {
    await owner`CREATE ROLE ${owner(name)} LOGIN PASSWORD 'a password' IN ROLE ${owner(role)}`
    const address = new URL(url)
    address.username = name
    address.password = 'a password'
    const sql = connectForTest(t, address.href, { role })
    const other = role === 'latchkey_api' ? 'latchkey_worker' : 'latchkey_api'
    await isForbidden(t, sql, [
      'SET ROLE latchkey_migrator',
      `SET ROLE ${other}`,
      `GRANT latchkey_migrator TO ${role}`,
    ])
    await isForbidden(t, sql, [`SET SESSION AUTHORIZATION ${new URL(url).username}`])
    await sql.end()
    await owner`DROP ROLE ${owner(name)}`
  }
})

t.test('the function with the owner’s rights cannot be led astray', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_worker', pool: 'session' })
  await sql.session(async (session) => {
    await session`CREATE TEMP TABLE security_events (LIKE public.security_events) PARTITION BY RANGE (occurred_at)`
    await session`CREATE TEMP TABLE security_events_default PARTITION OF pg_temp.security_events DEFAULT`
    await session`SELECT set_config('search_path', 'pg_temp, public', false)`
    const [made] = await session<{ name: string }[]>`
      SELECT public.create_security_events_partition(now() + interval '9 months') AS name`
    const [table] = await owner<{ schema: string; owner: string; parent: string }[]>`
      SELECT relnamespace::regnamespace::text AS schema, relowner::regrole::text AS owner, inhparent::regclass::text AS parent
      FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE relname = ${made?.name ?? ''}`
    t.same(table, { schema: 'public', owner: 'latchkey_migrator', parent: 'security_events' })
  })
})

t.test('nobody but the owner makes temporary objects in a migrated database', async (t) => {
  const { url: migrated } = await createTestDatabase(t, { isEmpty: true })
  await migrate(migrated)
  for (const role of ['latchkey_api', 'latchkey_worker'] as const) {
    await isForbidden(t, connectForTest(t, migrated, { role }), ['CREATE TEMP TABLE mine (id int)'])
  }
})
