-- Why: a trait that nobody else may have, or that admins search by, is found by an index; the jsonb of `users` stays the truth.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE trait_values (
  user_id uuid CONSTRAINT trait_values_user_id_fkey REFERENCES users ON DELETE CASCADE,
  name text,
  value text COLLATE "C" NOT NULL, -- as values are compared: NFKC, lower case, trimmed, at most 256 UTF-16 units
  is_unique boolean NOT NULL,
  is_searchable boolean NOT NULL,
  CONSTRAINT trait_values_pkey PRIMARY KEY (user_id, name)
);
CREATE UNIQUE INDEX trait_values_name_value_key ON trait_values (name, value) WHERE is_unique;
CREATE INDEX trait_values_value_idx ON trait_values (value) WHERE is_searchable;

GRANT SELECT, INSERT, DELETE, UPDATE (value, is_unique, is_searchable) ON trait_values TO latchkey_api, latchkey_worker;
-- traits:index reads what it files, and locks the row meanwhile, which asks for a right to update.
GRANT SELECT (traits), UPDATE (updated_at) ON users TO latchkey_worker;
