-- Why: links in mails. A link's token is derived from the id of its row, so that the worker can write it into a mail although it
-- stands nowhere. The row keeps the SHA-256 of the one that was meant, and using it is a single DELETE ... RETURNING.
SET LOCAL ROLE latchkey_migrator;

DELETE FROM one_time_tokens; -- nothing has issued any yet

ALTER TABLE one_time_tokens
  DROP CONSTRAINT one_time_tokens_pkey,
  DROP COLUMN data,
  ADD COLUMN id uuid CONSTRAINT one_time_tokens_pkey PRIMARY KEY,
  ADD COLUMN email citext NOT NULL, -- where the link is sent, and what using it proves
  ALTER COLUMN user_id SET NOT NULL,
  ADD CONSTRAINT one_time_tokens_token_hash_check CHECK (octet_length(token_hash) = 32);

-- Newest only: a link that is asked for takes the place of the one before. Not so for an undo: whoever took over an account could
-- change its address twice, and the second undo link, sent to an address of the thief's, would replace the owner's.
CREATE UNIQUE INDEX one_time_tokens_newest_idx ON one_time_tokens (user_id, purpose) WHERE purpose <> 'undo_email_change';

GRANT UPDATE (id, token_hash, email, created_at, expires_at) ON one_time_tokens TO latchkey_api;
GRANT SELECT (id, email) ON one_time_tokens TO latchkey_worker;
