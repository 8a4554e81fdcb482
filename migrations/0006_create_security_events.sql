-- Why: what happened, once each, never changed by the api. The outbox carries an event in the transaction of the change it tells of.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE security_events (
  id uuid NOT NULL,
  occurred_at timestamptz NOT NULL,
  type text NOT NULL,
  severity text NOT NULL CONSTRAINT security_events_severity_check CHECK (severity IN ('info', 'notice', 'warning', 'critical')),
  user_id uuid, -- no foreign key: events outlive the user
  actor_id uuid,
  session_id uuid,
  ip inet,
  user_agent text,
  request_id text,
  trace_id text,
  data jsonb NOT NULL DEFAULT '{}',
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT security_events_pkey PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX security_events_user_id_occurred_at_idx ON security_events (user_id, occurred_at) WHERE user_id IS NOT NULL;

-- No event is refused because its month has no partition yet.
CREATE TABLE security_events_default PARTITION OF security_events DEFAULT;

-- Makes the monthly partition that holds `moment`; answers its name, or null when it was there. Runs with the rights of the
-- owner for the worker, so it trusts no search path and no moment that is far off.
CREATE FUNCTION create_security_events_partition(moment timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  month_start timestamptz := date_trunc('month', moment, 'UTC');
  month_end timestamptz := date_trunc('month', month_start + interval '32 days', 'UTC');
  partition_name text := 'security_events_' || to_char(month_start AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
  IF moment IS NULL OR abs(extract(epoch FROM moment - now())) > 366 * 86400 THEN
    RAISE EXCEPTION 'no partition is made for %', moment USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('latchkey:security_events_partition')); -- two workers rolling at once
  IF to_regclass(format('public.%I', partition_name)) IS NOT NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format('CREATE TABLE public.%I (LIKE public.security_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
  -- Events that came before their partition are in the default one, and no more may get there until they have moved.
  LOCK TABLE public.security_events_default IN ACCESS EXCLUSIVE MODE;
  EXECUTE format(
    'WITH early AS (DELETE FROM public.security_events_default WHERE occurred_at >= %L AND occurred_at < %L RETURNING *)
     INSERT INTO public.%I SELECT * FROM early', month_start, month_end, partition_name);
  EXECUTE format(
    'ALTER TABLE public.security_events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
    partition_name, month_start, month_end);
  RETURN partition_name;
END
$$;
REVOKE ALL ON FUNCTION create_security_events_partition(timestamptz) FROM PUBLIC;

SELECT create_security_events_partition(now()), create_security_events_partition(now() + interval '1 month');

-- Typed like security_events, so that the worker can move rows with one statement even when Redis is away. An event leaves the
-- outbox when it stands in security_events, not when it enters a queue, which may lose it: relayed_at says when it was last put
-- there, and once that is long ago, it is put there again. Half of each page is room for that update of its rows (HOT).
CREATE TABLE outbox (
  id uuid CONSTRAINT outbox_pkey PRIMARY KEY DEFAULT uuid_v7(),
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  type text NOT NULL,
  severity text NOT NULL CONSTRAINT outbox_severity_check CHECK (severity IN ('info', 'notice', 'warning', 'critical')),
  user_id uuid,
  actor_id uuid,
  session_id uuid,
  ip inet,
  user_agent text,
  request_id text,
  trace_id text,
  data jsonb NOT NULL DEFAULT '{}',
  relayed_at timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

GRANT SELECT, INSERT ON security_events TO latchkey_api, latchkey_worker;
GRANT INSERT ON outbox TO latchkey_api;
GRANT SELECT, INSERT, DELETE, UPDATE (relayed_at) ON outbox TO latchkey_worker;
GRANT EXECUTE ON FUNCTION create_security_events_partition(timestamptz) TO latchkey_worker;
