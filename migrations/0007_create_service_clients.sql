-- Why: other services ask us about tokens, and get tokens of their own, as clients with an id and a secret (RFC 6749, 2.3.1).
SET LOCAL ROLE latchkey_migrator;

-- The secret is 256 random bits, so its plain SHA-256 tells nothing: there is nothing to guess that a slow hash would slow down,
-- and a service that asks hundreds of times a second is answered for the price of one quick hash.
CREATE TABLE service_clients (
  id uuid CONSTRAINT service_clients_pkey PRIMARY KEY, -- the client_id
  name text NOT NULL CONSTRAINT service_clients_name_key UNIQUE
    CONSTRAINT service_clients_name_check CHECK (name ~ '^[!-~]([ -~]{0,98}[!-~])?$'),
  secret_hash bytea NOT NULL CONSTRAINT service_clients_secret_hash_check CHECK (octet_length(secret_hash) = 32),
  -- While a change of the secret is rolled out, the one before is good too.
  previous_secret_hash bytea
    CONSTRAINT service_clients_previous_secret_hash_check CHECK (octet_length(previous_secret_hash) = 32),
  previous_secret_expires_at timestamptz,
  audience text, -- claim aud of its tokens; null for AUDIENCE
  scopes text[] NOT NULL CONSTRAINT service_clients_scopes_check CHECK (cardinality(scopes) BETWEEN 1 AND 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  disabled_at timestamptz,
  last_used_at timestamptz, -- to the minute
  CONSTRAINT service_clients_previous_secret_check
    CHECK ((previous_secret_hash IS NULL) = (previous_secret_expires_at IS NULL))
);

-- Commands run with the worker's rights. Whatever gets through the api makes no client and brings no disabled one back.
GRANT SELECT, UPDATE (last_used_at) ON service_clients TO latchkey_api;
GRANT SELECT, INSERT (id, name, secret_hash, audience, scopes) ON service_clients TO latchkey_worker;
GRANT UPDATE (secret_hash, previous_secret_hash, previous_secret_expires_at, disabled_at) ON service_clients TO latchkey_worker;
