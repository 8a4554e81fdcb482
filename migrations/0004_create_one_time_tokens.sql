-- Why: links and codes that may be used once. Consuming one is a single DELETE ... RETURNING that names purpose, hash and expiry.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE one_time_tokens (
  token_hash bytea CONSTRAINT one_time_tokens_pkey PRIMARY KEY, -- SHA-256 of 256 random bits
  purpose text NOT NULL,
  user_id uuid CONSTRAINT one_time_tokens_user_id_fkey REFERENCES users ON DELETE CASCADE,
  data jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);

CREATE INDEX one_time_tokens_expires_at_idx ON one_time_tokens (expires_at);
CREATE INDEX one_time_tokens_user_id_purpose_idx ON one_time_tokens (user_id, purpose);

GRANT SELECT, INSERT, DELETE ON one_time_tokens TO latchkey_api;
GRANT SELECT (token_hash, expires_at), DELETE ON one_time_tokens TO latchkey_worker;
GRANT UPDATE (expires_at) ON one_time_tokens TO latchkey_worker; -- FOR UPDATE SKIP LOCKED asks for it
