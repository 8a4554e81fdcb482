-- Why: a session's refreshes are counted where they are written, in the same update: exact for all processes, and no round trip more.
SET LOCAL ROLE latchkey_migrator;

ALTER TABLE sessions
  ADD COLUMN refresh_count integer NOT NULL DEFAULT 0, -- in the window that began at
  ADD COLUMN refresh_window_started_at timestamptz NOT NULL DEFAULT now();

GRANT UPDATE (refresh_count, refresh_window_started_at) ON sessions TO latchkey_api;
