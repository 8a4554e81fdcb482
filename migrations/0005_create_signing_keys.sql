-- Why: access tokens are signed with keys of ours. A key is published before it signs and until its last token has died.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE signing_keys (
  kid text CONSTRAINT signing_keys_pkey PRIMARY KEY, -- RFC 7638 thumbprint
  algorithm text NOT NULL CONSTRAINT signing_keys_algorithm_check CHECK (algorithm IN ('ES256', 'EdDSA')),
  public_jwk jsonb NOT NULL,
  sealed_private_key bytea NOT NULL, -- AES-256-GCM under a key derived from AUTH_SECRET, bound to kid
  created_at timestamptz NOT NULL DEFAULT now(),
  activates_at timestamptz NOT NULL, -- signs from here on, until a later key activates
  retires_at timestamptz, -- published until here; null while it is the newest
  revoked_at timestamptz
);

GRANT SELECT, INSERT, UPDATE (retires_at) ON signing_keys TO latchkey_api;
-- The worker makes keys and never reads a private one back.
GRANT INSERT, DELETE, UPDATE (retires_at, revoked_at) ON signing_keys TO latchkey_worker;
GRANT SELECT (kid, algorithm, public_jwk, created_at, activates_at, retires_at, revoked_at) ON signing_keys TO latchkey_worker;
