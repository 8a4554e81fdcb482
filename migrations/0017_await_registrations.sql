-- Why: where REQUIRE_EMAIL_VERIFICATION is on there is no account until its address is proven, and so nothing that a stranger could
-- leave in it. Until then a registration is a row of the link that completes it. There may be several for an address: each
-- link brings its own password into force, and none replaces that of somebody else.
SET LOCAL ROLE latchkey_migrator;

ALTER TABLE one_time_tokens
  ALTER COLUMN user_id DROP NOT NULL,
  ADD COLUMN registration jsonb, -- the user that is to be, and the hash of the password
  ADD CONSTRAINT one_time_tokens_registration_check CHECK (
    (registration IS NOT NULL) = (purpose = 'complete_registration') AND (registration IS NOT NULL) = (user_id IS NULL));

CREATE INDEX one_time_tokens_registrations_idx ON one_time_tokens (email, created_at) WHERE user_id IS NULL;

GRANT SELECT (user_id) ON one_time_tokens TO latchkey_worker;

GRANT INSERT (email_verified_at, locale) ON users TO latchkey_api;
GRANT UPDATE (email, email_verified_at, locale) ON users TO latchkey_api;
-- Of an account whose owner turns out to be somebody else than who set the password.
GRANT DELETE ON credentials TO latchkey_api;
