-- Why: an event leaves the outbox when it stands in security_events, not when it enters a queue, which may lose it. Until then
-- relayed_at says when it was last put there; once that is long ago, it is put there again.
SET LOCAL ROLE latchkey_migrator;

-- Room for the one update that each row sees, so that it stays heap-only (HOT).
ALTER TABLE outbox ADD COLUMN relayed_at timestamptz;
ALTER TABLE outbox SET (fillfactor = 50);

GRANT UPDATE (relayed_at) ON outbox TO latchkey_worker;
REVOKE UPDATE (type) ON outbox FROM latchkey_worker; -- FOR UPDATE SKIP LOCKED has the other one now
