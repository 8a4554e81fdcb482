-- Why: after months without a worker, events of this month may stand in the default partition before its own one is made, and
-- PostgreSQL refuses a partition whose rows are there. They move with it.
SET LOCAL ROLE latchkey_migrator;

-- Makes the monthly partition that holds `moment`; answers its name, or null when it was there.
CREATE OR REPLACE FUNCTION create_security_events_partition(moment timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
  month_start timestamptz := date_trunc('month', moment, 'UTC');
  month_end timestamptz := date_trunc('month', month_start + interval '32 days', 'UTC');
  partition_name text := 'security_events_' || to_char(month_start AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('latchkey:security_events_partition')); -- two workers rolling at once
  IF to_regclass('public.' || partition_name) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE security_events INCLUDING ALL)', partition_name);
  LOCK TABLE security_events_default IN SHARE ROW EXCLUSIVE MODE; -- no event comes in behind the move
  EXECUTE format(
    'WITH moved AS (DELETE FROM security_events_default WHERE occurred_at >= %L AND occurred_at < %L RETURNING *) '
    'INSERT INTO %I SELECT * FROM moved', month_start, month_end, partition_name);
  EXECUTE format('ALTER TABLE security_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    partition_name, month_start, month_end);
  RETURN partition_name;
END
$$;
