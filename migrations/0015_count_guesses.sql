-- Why: a password cannot be guessed by trying, however many addresses the tries come from, and whatever Redis has forgotten.
SET LOCAL ROLE latchkey_migrator;

-- A row is there from the first failure of a row of them until a success, or until it is forgotten.
CREATE TABLE guess_counters (
  -- Keyed hash of an account's e-mail address, of a name that nobody has, or of a device: who has the table learns no names from it.
  subject bytea CONSTRAINT guess_counters_pkey PRIMARY KEY
    CONSTRAINT guess_counters_subject_check CHECK (octet_length(subject) = 16),
  attempts integer NOT NULL CONSTRAINT guess_counters_attempts_check CHECK (attempts > 0), -- in a row
  open_at timestamptz NOT NULL -- no attempt is looked at before
);

CREATE INDEX guess_counters_open_at_idx ON guess_counters (open_at);

GRANT SELECT, INSERT, UPDATE (attempts, open_at), DELETE ON guess_counters TO latchkey_api;
GRANT SELECT (subject, open_at), DELETE ON guess_counters TO latchkey_worker;
GRANT UPDATE (open_at) ON guess_counters TO latchkey_worker; -- FOR UPDATE SKIP LOCKED asks for it

-- How long nobody may guess after so many attempts in a row. Every `lockout_after` of them lock, each time for twice as long;
-- from half of them on, and from the fifth at the earliest, they must come at growing intervals of up to a minute.
CREATE FUNCTION guess_pause(attempts integer, lockout_after integer, lockout_seconds integer, lockout_max_seconds integer)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT make_interval(secs => CASE
    WHEN attempts % lockout_after = 0
      THEN least(lockout_max_seconds, lockout_seconds * 2 ^ least(attempts / lockout_after - 1, 30))
    WHEN attempts % lockout_after >= greatest(5, (lockout_after + 1) / 2)
      THEN least(60, lockout_seconds, 2 ^ least(attempts % lockout_after - greatest(5, (lockout_after + 1) / 2), 30))
    ELSE 0 END)
$$;

-- Counts an attempt before it is looked at. `wait_seconds` is null when it may be; else it is refused, and `is_locked` says whether by
-- a lockout. One that comes too early counts as well; one during a lockout changes nothing, so that nobody can prolong it.
-- The lock on the row makes attempts at once follow each other: no number of them gets past the counter.
CREATE FUNCTION take_guess(
  whose bytea, lockout_after integer, lockout_seconds integer, lockout_max_seconds integer,
  OUT wait_seconds double precision, OUT is_locked boolean, OUT begins_lockout boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  held guess_counters;
  moment timestamptz;
  taken integer;
BEGIN
  LOOP
    INSERT INTO guess_counters (subject, attempts, open_at)
    VALUES (whose, 1, clock_timestamp() + guess_pause(1, lockout_after, lockout_seconds, lockout_max_seconds))
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
      is_locked := false;
      begins_lockout := lockout_after = 1;
      RETURN;
    END IF;

    -- Not yet FOR UPDATE, which writes: a flood at a locked account shall cost reads only.
    SELECT extract(epoch FROM open_at - clock_timestamp()), true, false INTO wait_seconds, is_locked, begins_lockout
    FROM guess_counters
    WHERE subject = whose AND open_at > clock_timestamp() AND attempts % lockout_after = 0;
    IF FOUND THEN
      RETURN;
    END IF;

    SELECT * INTO held FROM guess_counters WHERE subject = whose FOR UPDATE;
    moment := clock_timestamp();
    -- A success or a lockout came between: once more from the top.
    CONTINUE WHEN NOT FOUND OR (held.open_at > moment AND held.attempts % lockout_after = 0);

    -- The day that a row of failures is remembered begins when the next attempt may come.
    taken := CASE WHEN held.open_at < moment - make_interval(secs => lockout_max_seconds) THEN 1 ELSE held.attempts + 1 END;
    UPDATE guess_counters
    SET attempts = taken, open_at = moment + guess_pause(taken, lockout_after, lockout_seconds, lockout_max_seconds)
    WHERE subject = whose
    RETURNING CASE WHEN held.open_at > moment THEN extract(epoch FROM open_at - moment) END INTO wait_seconds;
    begins_lockout := taken % lockout_after = 0;
    is_locked := begins_lockout AND wait_seconds IS NOT NULL;
    RETURN;
  END LOOP;
END
$$;

REVOKE ALL ON FUNCTION guess_pause(integer, integer, integer, integer), take_guess(bytea, integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION guess_pause(integer, integer, integer, integer), take_guess(bytea, integer, integer, integer) TO latchkey_api;
