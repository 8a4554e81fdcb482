-- Why: what people are told by mail, once each. The statement that stores an event writes the row of its mail, so that neither is
-- there without the other, and no crash and no lost queue loses a mail.
SET LOCAL ROLE latchkey_migrator;

ALTER TABLE users ADD COLUMN locale text -- BCP 47; mails are written in it where there are templates of it
  CONSTRAINT users_locale_check CHECK (locale ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$');

CREATE TABLE mails (
  event_id uuid NOT NULL,
  template text NOT NULL,
  user_id uuid NOT NULL, -- no foreign key: it could keep an event from being stored
  data jsonb NOT NULL, -- what the mail tells of, and empty once it is settled
  created_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL DEFAULT now(), -- nobody queues it, or tries again, before
  claimed_until timestamptz, -- nobody else sends it before
  claims integer NOT NULL DEFAULT 0, -- names the claim, so that one that ran out cannot speak for a later one
  attempts integer NOT NULL DEFAULT 0, -- tries that the mail server has refused for the time being
  settled_at timestamptz,
  status text CONSTRAINT mails_status_check CHECK (status IN ('sent', 'skipped', 'failed')),
  reason text,
  CONSTRAINT mails_pkey PRIMARY KEY (event_id, template),
  CONSTRAINT mails_settled_check CHECK ((settled_at IS NULL) = (status IS NULL))
);

CREATE INDEX mails_due_at_idx ON mails (due_at) WHERE settled_at IS NULL;
CREATE INDEX mails_settled_at_idx ON mails (settled_at) WHERE settled_at IS NOT NULL;

GRANT SELECT, INSERT (event_id, template, user_id, data), DELETE ON mails TO latchkey_worker;
GRANT UPDATE (data, due_at, claimed_until, claims, attempts, settled_at, status, reason) ON mails TO latchkey_worker;
GRANT SELECT (id, email, name, locale, disabled_at) ON users TO latchkey_worker;
