-- Why: a password that was guessed, stolen or used twice signs nobody in who has a second factor.
SET LOCAL ROLE latchkey_migrator;

-- Seeds are sealed and bound to their user, so that neither a copy of the table nor a row moved to somebody else makes codes. The
-- pending one is in force for nothing until a code of it was right, and leaves the one in force alone until then.
CREATE TABLE totp_factors (
  user_id uuid CONSTRAINT totp_factors_pkey PRIMARY KEY
    CONSTRAINT totp_factors_user_id_fkey REFERENCES users ON DELETE CASCADE,
  sealed_seed bytea, -- null until the first is in force
  enabled_at timestamptz,
  last_used_step bigint, -- RFC 6238, 5.2: a code is good once. Only ever raised
  pending_seed bytea,
  pending_expires_at timestamptz,
  CONSTRAINT totp_factors_enabled_check CHECK ((sealed_seed IS NULL) = (enabled_at IS NULL) AND (sealed_seed IS NULL) = (last_used_step IS NULL)),
  CONSTRAINT totp_factors_pending_check CHECK ((pending_seed IS NULL) = (pending_expires_at IS NULL))
);

-- 128 random bits each, so their plain SHA-256 tells nothing. Using one is a DELETE.
CREATE TABLE recovery_codes (
  user_id uuid CONSTRAINT recovery_codes_user_id_fkey REFERENCES users ON DELETE CASCADE,
  code_hash bytea CONSTRAINT recovery_codes_code_hash_check CHECK (octet_length(code_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash)
);

-- Sign-ins that have passed their first factor and wait for the second. Completing one is a DELETE.
CREATE TABLE sign_in_challenges (
  token_hash bytea CONSTRAINT sign_in_challenges_pkey PRIMARY KEY
    CONSTRAINT sign_in_challenges_token_hash_check CHECK (octet_length(token_hash) = 32), -- SHA-256 of 256 random bits
  user_id uuid NOT NULL CONSTRAINT sign_in_challenges_user_id_fkey REFERENCES users ON DELETE CASCADE,
  password_changed_at timestamptz, -- of the password of then: a change ends what the old one began. Null for a user without one
  amr text[] NOT NULL, -- what was given so far
  device_name text,
  expires_at timestamptz NOT NULL
);

CREATE INDEX sign_in_challenges_user_id_idx ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_expires_at_idx ON sign_in_challenges (expires_at);

GRANT SELECT, INSERT, UPDATE (sealed_seed, enabled_at, last_used_step, pending_seed, pending_expires_at), DELETE ON totp_factors TO latchkey_api;
GRANT SELECT, INSERT (user_id, code_hash), DELETE ON recovery_codes TO latchkey_api;
GRANT SELECT, INSERT, DELETE ON sign_in_challenges TO latchkey_api;
GRANT SELECT (token_hash, expires_at), DELETE ON sign_in_challenges TO latchkey_worker;
GRANT UPDATE (expires_at) ON sign_in_challenges TO latchkey_worker; -- FOR UPDATE SKIP LOCKED asks for it

-- What a session may do follows from how its user authenticated. Beyond level 2, NIST SP 800-63B, nothing of ours goes.
ALTER TABLE sessions ADD CONSTRAINT sessions_aal_check CHECK (aal BETWEEN 1 AND 2);
GRANT UPDATE (aal) ON sessions TO latchkey_api;
GRANT UPDATE (mfa_enabled) ON users TO latchkey_api;
