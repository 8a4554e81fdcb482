-- Why: a passkey is bound to the site, so that nobody can be talked out of it, and it is two factors at once.
SET LOCAL ROLE latchkey_migrator;

-- Public keys of authenticators. The private ones never leave those, so that a copy of the table signs nobody in.
CREATE TABLE passkeys (
  id uuid CONSTRAINT passkeys_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT passkeys_user_id_fkey REFERENCES users ON DELETE CASCADE,
  credential_id bytea NOT NULL CONSTRAINT passkeys_credential_id_key UNIQUE -- by which an authenticator knows it: one of everybody's
    CONSTRAINT passkeys_credential_id_check CHECK (octet_length(credential_id) BETWEEN 1 AND 1023), -- Web Authentication, 4
  public_key bytea NOT NULL CONSTRAINT passkeys_public_key_check CHECK (octet_length(public_key) <= 2048), -- COSE_Key, RFC 9052
  sign_count bigint NOT NULL CONSTRAINT passkeys_sign_count_check CHECK (sign_count BETWEEN 0 AND 4294967295),
  is_synced boolean NOT NULL, -- may be copied to other devices of its owner; never changes
  is_backed_up boolean NOT NULL,
  transports text[] NOT NULL, -- how a browser may reach it: a hint of the authenticator's
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  disabled_at timestamptz -- somebody else has it too: good for nothing, and shown until its owner removes it
);
CREATE INDEX passkeys_user_id_idx ON passkeys (user_id);

-- What an authenticator is to sign. Using one is a DELETE, of exactly the purpose that it was made for.
CREATE TABLE passkey_challenges (
  challenge_hash bytea CONSTRAINT passkey_challenges_pkey PRIMARY KEY
    CONSTRAINT passkey_challenges_challenge_hash_check CHECK (octet_length(challenge_hash) = 32), -- SHA-256 of 256 random bits
  purpose text NOT NULL CONSTRAINT passkey_challenges_purpose_check CHECK (purpose IN ('registration', 'sign_in', 'second_factor', 'step_up')),
  user_id uuid CONSTRAINT passkey_challenges_user_id_fkey REFERENCES users ON DELETE CASCADE, -- null where the passkey tells who it is
  bound_to bytea, -- the session, or the hash of the token of a sign-in that is under way
  expires_at timestamptz NOT NULL,
  CONSTRAINT passkey_challenges_binding_check CHECK ((user_id IS NULL) = (purpose = 'sign_in') AND (bound_to IS NULL) = (purpose = 'sign_in'))
);
CREATE INDEX passkey_challenges_user_id_idx ON passkey_challenges (user_id);
CREATE INDEX passkey_challenges_expires_at_idx ON passkey_challenges (expires_at);

GRANT SELECT, INSERT (id, user_id, credential_id, public_key, sign_count, is_synced, is_backed_up, transports, name), DELETE ON passkeys TO latchkey_api;
GRANT UPDATE (name, sign_count, is_backed_up, last_used_at, disabled_at) ON passkeys TO latchkey_api;
GRANT SELECT, INSERT, DELETE ON passkey_challenges TO latchkey_api;
GRANT SELECT (challenge_hash, expires_at), DELETE ON passkey_challenges TO latchkey_worker;
GRANT UPDATE (expires_at) ON passkey_challenges TO latchkey_worker; -- FOR UPDATE SKIP LOCKED asks for it
