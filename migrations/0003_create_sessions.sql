-- Why: one row a device session is the whole state of refresh-token rotation. No token is stored, not even hashed.
SET LOCAL ROLE latchkey_migrator;

-- A refresh updates one row and adds none. Nothing that it changes may be indexed, and each page keeps room for a new version of
-- every row of it, so that the update stays heap-only (HOT) even while a long snapshot, such as a backup's, keeps the old ones.
-- Before PostgreSQL 16 even a BRIN index on idle_expires_at would end that: cleanup finds idle sessions by walking the heap instead.
CREATE TABLE sessions (
  id uuid CONSTRAINT sessions_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users ON DELETE CASCADE,
  generation bigint NOT NULL DEFAULT 1 CONSTRAINT sessions_generation_check CHECK (generation >= 1),
  created_at timestamptz NOT NULL DEFAULT now(),
  authenticated_at timestamptz NOT NULL DEFAULT now(), -- claim auth_time
  rotated_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  idle_expires_at timestamptz NOT NULL,
  absolute_expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  aal smallint NOT NULL DEFAULT 1,
  -- Newest first: the first 8 bytes of SHA-256 of the Idempotency-Key of each of the last four rotations, zero where there was none.
  retry_keys bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
    CONSTRAINT sessions_retry_keys_check CHECK (octet_length(retry_keys) = 32),
  -- Who rotated last: 8 bytes for the agent, 8 for the network.
  rotated_by bytea CONSTRAINT sessions_rotated_by_check CHECK (octet_length(rotated_by) = 16),
  ip inet,
  amr text[] NOT NULL DEFAULT '{pwd}',
  revoke_reason text,
  device_name text,
  user_agent text,
  device_fingerprint bytea,
  CONSTRAINT sessions_revoked_check CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

GRANT SELECT, INSERT ON sessions TO latchkey_api;
GRANT UPDATE (generation, rotated_at, last_used_at, idle_expires_at, retry_keys, rotated_by, revoked_at, revoke_reason)
  ON sessions TO latchkey_api;
-- UPDATE of a column that decides nothing: FOR UPDATE SKIP LOCKED asks for some. The worker cannot bring a session back to life.
GRANT SELECT, DELETE, UPDATE (device_name) ON sessions TO latchkey_worker;
