-- Why: what an attack looks like is a matter of many events, and of what was seen before a restart or by another worker. How far the log was
-- looked through, what is counted and the alerts that follow change in one transaction, so that no event counts twice or never.
SET LOCAL ROLE latchkey_migrator;

-- What rules count, for no longer than they look back. The key is a keyed hash, and so is whoever is in it: the table names nobody.
CREATE TABLE detection_windows (
  id uuid CONSTRAINT detection_windows_pkey PRIMARY KEY,
  watch text NOT NULL, -- the rule, and what it counts by
  state jsonb NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX detection_windows_expires_at_idx ON detection_windows (expires_at);

-- The last event that was looked at. What was there before is history: nobody is alarmed by last year.
CREATE TABLE detection_cursor (
  only_one boolean CONSTRAINT detection_cursor_pkey PRIMARY KEY DEFAULT true CONSTRAINT detection_cursor_only_one_check CHECK (only_one),
  seq bigint NOT NULL
);
INSERT INTO detection_cursor (seq) SELECT last_seq FROM audit_head();

-- When an admin is used to work.
CREATE INDEX security_events_acts_idx ON security_events (actor_id, occurred_at) WHERE type = 'admin.acted';

GRANT SELECT, INSERT, UPDATE, DELETE ON detection_windows TO latchkey_worker;
GRANT SELECT, UPDATE (seq) ON detection_cursor TO latchkey_worker;
