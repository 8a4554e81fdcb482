-- Why: who can sign in. Password hashes live in a table of their own, so that a right to read users is none to read a hash.
SET LOCAL ROLE latchkey_migrator;

CREATE EXTENSION IF NOT EXISTS citext;

-- UUIDv7 (RFC 9562, 5.7) for rows that SQL itself makes; PostgreSQL has its own from version 18 on.
CREATE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
  SELECT encode(
    set_bit(set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6
      ), 52, 1), 53, 1),
    'hex')::uuid
$$;

CREATE TABLE users (
  id uuid CONSTRAINT users_pkey PRIMARY KEY,
  email citext NOT NULL CONSTRAINT users_email_key UNIQUE,
  email_verified_at timestamptz,
  username text CONSTRAINT users_username_key UNIQUE
    CONSTRAINT users_username_check CHECK (username ~ '^[a-z0-9._-]{3,32}$'),
  name text,
  user_type text,
  roles text[] NOT NULL DEFAULT '{user}',
  traits jsonb NOT NULL DEFAULT '{}',
  mfa_enabled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_login_at timestamptz,
  disabled_at timestamptz
) WITH (fillfactor = 90);

CREATE TABLE credentials (
  user_id uuid CONSTRAINT credentials_pkey PRIMARY KEY
    CONSTRAINT credentials_user_id_fkey REFERENCES users ON DELETE CASCADE,
  password_hash text NOT NULL, -- PHC string
  password_changed_at timestamptz NOT NULL DEFAULT now()
);

-- By column: whatever gets through the api, it makes nobody an admin and brings no disabled user back.
GRANT SELECT, INSERT (id, email, username, name, user_type, traits) ON users TO latchkey_api;
GRANT UPDATE (username, name, traits, updated_at, last_login_at) ON users TO latchkey_api;
GRANT SELECT, INSERT (user_id, password_hash), UPDATE (password_hash, password_changed_at) ON credentials TO latchkey_api;
