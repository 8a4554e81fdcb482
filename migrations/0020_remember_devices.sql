-- Why: a device on which the second factor was given is asked for less for a while, and whoever must have a second factor gets
-- one before anything else.
SET LOCAL ROLE latchkey_migrator;

-- Whoever has the token is not asked for the second factor, beside the password. It has 256 random bits, so its plain SHA-256 tells
-- nothing. They go with whatever ends the sessions of their user.
CREATE TABLE remembered_devices (
  id uuid CONSTRAINT remembered_devices_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT remembered_devices_user_id_fkey REFERENCES users ON DELETE CASCADE,
  token_hash bytea NOT NULL CONSTRAINT remembered_devices_token_hash_key UNIQUE
    CONSTRAINT remembered_devices_token_hash_check CHECK (octet_length(token_hash) = 32),
  name text,
  user_agent text,
  ip inet, -- when it was remembered
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);

CREATE INDEX remembered_devices_user_id_idx ON remembered_devices (user_id);
CREATE INDEX remembered_devices_expires_at_idx ON remembered_devices (expires_at);

GRANT SELECT, INSERT (id, user_id, token_hash, name, user_agent, ip, expires_at), UPDATE (last_used_at), DELETE ON remembered_devices TO latchkey_api;
GRANT SELECT (id, expires_at), DELETE ON remembered_devices TO latchkey_worker;
GRANT UPDATE (expires_at) ON remembered_devices TO latchkey_worker; -- FOR UPDATE SKIP LOCKED asks for it

-- A passed first factor waits for the second, or for a second to be set up, and is good for nothing else.
ALTER TABLE sign_in_challenges ADD COLUMN purpose text NOT NULL DEFAULT 'second_factor'
  CONSTRAINT sign_in_challenges_purpose_check CHECK (purpose IN ('second_factor', 'enrolment'));
