-- Why: people sign in with what they have at other providers. What such a sign-in is known by is kept here, and no token of a provider.
SET LOCAL ROLE latchkey_migrator;

-- A subject is unique at its issuer alone (OpenID Connect Core 1.0, section 2). The provider is ours: two of its name are two registrations
-- with it, to which pairwise subjects differ.
CREATE TABLE identities (
  id uuid CONSTRAINT identities_pkey PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT identities_user_id_fkey REFERENCES users ON DELETE CASCADE,
  provider text NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  email text, -- as the provider told it last; tells nobody's account
  linked_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  CONSTRAINT identities_subject_key UNIQUE (provider, issuer, subject)
);
CREATE INDEX identities_user_id_idx ON identities (user_id);

-- The steps of a sign-in elsewhere, each under the hash of 256 random bits and used by a DELETE. What proves the holder is a second secret,
-- so that a URL alone, from a log or a history, is worth nothing.
CREATE TABLE federation_steps (
  token_hash bytea CONSTRAINT federation_steps_pkey PRIMARY KEY
    CONSTRAINT federation_steps_token_hash_check CHECK (octet_length(token_hash) = 32),
  step text NOT NULL CONSTRAINT federation_steps_step_check CHECK (step IN ('ticket', 'redirect', 'nonce', 'code')),
  purpose text NOT NULL CONSTRAINT federation_steps_purpose_check CHECK (purpose IN ('sign_in', 'link', 'step_up')),
  provider text NOT NULL,
  holder_hash bytea CONSTRAINT federation_steps_holder_hash_check CHECK (octet_length(holder_hash) = 32), -- null for a ticket: no browser has it yet
  app_hash bytea CONSTRAINT federation_steps_app_hash_check CHECK (octet_length(app_hash) = 32), -- who holds the code to come; null for the browser itself
  return_to text,
  user_id uuid CONSTRAINT federation_steps_user_id_fkey REFERENCES users ON DELETE CASCADE,
  session_id uuid, -- that asked for it, to which it comes back
  identity jsonb, -- that is to be linked
  expires_at timestamptz NOT NULL,
  CONSTRAINT federation_steps_holder_check CHECK ((holder_hash IS NULL) = (step = 'ticket')),
  CONSTRAINT federation_steps_session_check CHECK ((session_id IS NULL) = (purpose = 'sign_in')),
  CONSTRAINT federation_steps_user_check CHECK ((user_id IS NULL) = (purpose = 'sign_in' AND step <> 'code')),
  CONSTRAINT federation_steps_identity_check CHECK ((identity IS NOT NULL) = (purpose = 'link' AND step = 'code'))
);
CREATE INDEX federation_steps_user_id_idx ON federation_steps (user_id);
CREATE INDEX federation_steps_expires_at_idx ON federation_steps (expires_at);

GRANT SELECT, INSERT, UPDATE (email, last_used_at), DELETE ON identities TO latchkey_api;
GRANT SELECT, INSERT, DELETE ON federation_steps TO latchkey_api;
GRANT SELECT (token_hash, expires_at), DELETE ON federation_steps TO latchkey_worker;
GRANT UPDATE (expires_at) ON federation_steps TO latchkey_worker; -- FOR UPDATE SKIP LOCKED asks for it
