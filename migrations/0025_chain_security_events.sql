-- Why: whoever changes, takes out, adds or moves an event, and be it the database's owner, is found out. Events get a place without gaps and
-- are chained by hash in batches; docs/audit-log.md has the form of what is hashed, so that others can check it.
SET LOCAL ROLE latchkey_migrator;

ALTER TABLE security_events
  ADD COLUMN seq bigint, -- its place in the log; null where it came past store_security_events, which audit:verify tells
  ADD COLUMN salt uuid NOT NULL DEFAULT gen_random_uuid(), -- keeps what was erased from being guessed out of its digest
  ADD COLUMN amended_in bigint; -- the batch that put it under a pseudonym last

-- Locked by whoever adds to the chain, first of all and until it commits: so places are given in the order of commits. It is locked and not
-- changed, so that a long look at the log leaves no dead versions of it in everybody's way.
CREATE TABLE audit_chain (
  only_one boolean CONSTRAINT audit_chain_pkey PRIMARY KEY DEFAULT true CONSTRAINT audit_chain_only_one_check CHECK (only_one),
  id uuid NOT NULL DEFAULT gen_random_uuid(), -- keeps the chains of two installations apart
  started_at timestamptz NOT NULL DEFAULT now(),
  kept_from bigint NOT NULL DEFAULT 1 -- batches before this one have no event any more and may go
);
INSERT INTO audit_chain DEFAULT VALUES;

CREATE TABLE audit_batches (
  number bigint CONSTRAINT audit_batches_pkey PRIMARY KEY,
  kind text NOT NULL CONSTRAINT audit_batches_kind_check CHECK (kind IN ('stored', 'pseudonymised')),
  last_seq bigint NOT NULL, -- of the log after this batch
  events integer NOT NULL CONSTRAINT audit_batches_events_check CHECK (events > 0),
  digests bytea NOT NULL CONSTRAINT audit_batches_digests_check CHECK (octet_length(digests) = 32 * events), -- in the order of seq
  months integer[], -- YYYYMM of each event, where not all are of the month in which they were stored
  seqs bigint[], -- which ones were put under a pseudonym
  pseudonym uuid,
  stored_at timestamptz NOT NULL,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT audit_batches_pseudonymised_check CHECK (
    CASE kind WHEN 'stored' THEN seqs IS NULL AND pseudonym IS NULL
    ELSE cardinality(seqs) = events AND pseudonym IS NOT NULL AND months IS NULL END)
);
ALTER TABLE audit_batches ALTER COLUMN digests SET STORAGE EXTERNAL; -- no hash can be compressed
CREATE INDEX audit_batches_last_seq_idx ON audit_batches (last_seq);

-- Heads that were signed; the same goes to where the database's owner cannot reach.
CREATE TABLE audit_anchors (
  number bigint CONSTRAINT audit_anchors_pkey PRIMARY KEY,
  last_seq bigint NOT NULL,
  hash bytea NOT NULL,
  signed_at timestamptz NOT NULL,
  public_key bytea NOT NULL,
  signature bytea NOT NULL
);

-- What is kept of an event, as one text: a JSON array, with its time in UTC. Not its place: that is the place of its digest in the batch.
CREATE FUNCTION security_event_digest(
  id uuid, occurred_at timestamptz, type text, severity text, user_id uuid, actor_id uuid, session_id uuid, ip inet,
  user_agent text, request_id text, trace_id text, data jsonb, salt uuid
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(json_build_array(
  id, occurred_at AT TIME ZONE 'UTC', type, severity, user_id, actor_id, session_id, ip,
  user_agent, request_id, trace_id, data, salt)::text, 'UTF8'));

-- The last batch, or what the first one follows. Whoever calls it has locked the chain.
CREATE FUNCTION audit_head(OUT number bigint, OUT last_seq bigint, OUT hash bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT b.number, b.last_seq, b.hash INTO number, last_seq, hash
  FROM public.audit_batches b ORDER BY b.number DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT 0, 0, sha256(convert_to(E'latchkey audit v1\n' || c.id, 'UTF8')) INTO number, last_seq, hash
    FROM public.audit_chain c;
  END IF;
END
$$;

-- Lines of ASCII, each of which can be told from the next. In PL/pgSQL, as all that is called for each batch, because that keeps its plans.
CREATE FUNCTION append_audit_batch(
  head_number bigint, head_hash bytea, kind text, last_seq bigint, events integer, digests bytea,
  months integer[], seqs bigint[], pseudonym uuid, stored_at timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.audit_batches
    (number, kind, last_seq, events, digests, months, seqs, pseudonym, stored_at, previous_hash, hash)
  VALUES ($1 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $2, sha256(convert_to(concat_ws(E'\n',
    'latchkey audit batch v1', $1 + 1, $3, $4, $5, (extract(epoch FROM $10) * 1000000)::bigint,
    encode($2, 'hex'), encode(sha256($6), 'hex'), coalesce(array_to_string($7, ','), '-'),
    coalesce(array_to_string($8, ','), '-'), coalesce($9::text, '-')), 'UTF8')));
END
$$;

-- Null where all are of the month in which they were stored, as nearly always.
CREATE FUNCTION months_of_events(times timestamptz[], stored_at timestamptz) RETURNS integer[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  month_start CONSTANT timestamptz := date_trunc('month', stored_at, 'UTC');
  month_end CONSTANT timestamptz := date_trunc('month', month_start + interval '32 days', 'UTC');
BEGIN
  IF NOT EXISTS (SELECT FROM unnest(times) AS t (time) WHERE time < month_start OR time >= month_end) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT array_agg(to_char(time AT TIME ZONE 'UTC', 'YYYYMM')::integer ORDER BY place)
    FROM unnest(times) WITH ORDINALITY AS t (time, place)
  );
END
$$;

-- Stores the events that are not stored yet, with the next places of the log, and chains them; answers which ones those were. The only way in:
-- neither role may insert. Digests are computed before the chain is locked, so that the others wait for the writing alone.
CREATE FUNCTION store_security_events(given public.outbox[])
RETURNS TABLE (id uuid, occurred_at timestamptz, type text, severity text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  fresh public.security_events[];
  times timestamptz[];
  digests bytea[];
  chained bytea;
  head record;
  moment timestamptz;
BEGIN
  -- To whom and in which language a mail goes is the mail's business alone.
  SELECT array_agg(
    ROW(e.id, e.occurred_at, e.type, e.severity, e.user_id, e.actor_id, e.session_id, e.ip, e.user_agent, e.request_id,
      e.trace_id, e.kept, NULL, NULL, e.salt, NULL)::public.security_events ORDER BY e.id, e.occurred_at),
    array_agg(public.security_event_digest(
      e.id, e.occurred_at, e.type, e.severity, e.user_id, e.actor_id, e.session_id, e.ip, e.user_agent, e.request_id,
      e.trace_id, e.kept, e.salt) ORDER BY e.id, e.occurred_at),
    array_agg(e.occurred_at ORDER BY e.id, e.occurred_at)
  INTO fresh, digests, times
  FROM (
    SELECT DISTINCT ON (g.id, g.occurred_at) g.*, g.data - '{mailTo,mailLocale}'::text[] AS kept, gen_random_uuid() AS salt
    FROM unnest(given) g
  ) AS e;
  chained := (SELECT string_agg(digest, ''::bytea ORDER BY place) FROM unnest(digests) WITH ORDINALITY AS d (digest, place));

  PERFORM FROM public.audit_chain FOR UPDATE;
  moment := clock_timestamp();
  -- Each statement sees what was committed before the lock was had. What comes twice is stored once.
  IF EXISTS (
    SELECT FROM unnest(fresh) f JOIN public.security_events s ON s.occurred_at = f.occurred_at AND s.id = f.id
  ) THEN
    SELECT array_agg(n.event ORDER BY n.place), array_agg((n.event).occurred_at ORDER BY n.place),
      string_agg(n.digest, ''::bytea ORDER BY n.place)
    INTO fresh, times, chained
    FROM (
      SELECT fresh[place] AS event, digests[place] AS digest, place FROM generate_subscripts(fresh, 1) AS place
    ) AS n
    WHERE NOT EXISTS (
      SELECT FROM public.security_events s WHERE s.occurred_at = (n.event).occurred_at AND s.id = (n.event).id
    );
  END IF;
  IF fresh IS NULL THEN
    RETURN;
  END IF;

  head := public.audit_head();
  INSERT INTO public.security_events (
    id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, trace_id, data,
    recorded_at, seq, salt)
  SELECT f.id, f.occurred_at, f.type, f.severity, f.user_id, f.actor_id, f.session_id, f.ip, f.user_agent, f.request_id,
    f.trace_id, f.data, moment, head.last_seq + f.place, f.salt
  FROM unnest(fresh) WITH ORDINALITY AS f (
    id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, trace_id, data,
    recorded_at, seq, salt, amended_in, place);
  PERFORM public.append_audit_batch(head.number, head.hash, 'stored', head.last_seq + cardinality(fresh), cardinality(fresh),
    chained, public.months_of_events(times, moment), NULL, NULL, moment);
  RETURN QUERY SELECT f.id, f.occurred_at, f.type, f.severity FROM unnest(fresh) f;
END
$$;

-- The events that were there before, in batches as they were stored: those of one statement have one time.
CREATE INDEX security_events_to_number_idx ON security_events (recorded_at);
DO $$
DECLARE
  moment timestamptz;
  head record;
  stored record;
BEGIN
  FOR moment IN SELECT DISTINCT recorded_at FROM security_events ORDER BY recorded_at LOOP
    head := audit_head();
    WITH placed AS (
      SELECT occurred_at, id, head.last_seq + row_number() OVER (ORDER BY id, occurred_at) AS seq
      FROM security_events WHERE recorded_at = moment
    ), numbered AS (
      UPDATE security_events e SET seq = placed.seq FROM placed
      WHERE e.occurred_at = placed.occurred_at AND e.id = placed.id
      RETURNING e.*
    )
    SELECT max(seq) AS last_seq, count(*)::integer AS events, array_agg(occurred_at ORDER BY seq) AS times,
      string_agg(security_event_digest(id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent,
        request_id, trace_id, data, salt), ''::bytea ORDER BY seq) AS digests
    INTO stored FROM numbered;
    PERFORM append_audit_batch(head.number, head.hash, 'stored', stored.last_seq, stored.events, stored.digests,
      months_of_events(stored.times, moment), NULL, NULL, moment);
  END LOOP;
END
$$;

DROP INDEX security_events_to_number_idx;

CREATE INDEX security_events_seq_idx ON security_events (seq);
-- What is rare among the many is found without looking at them.
CREATE INDEX security_events_type_occurred_at_idx ON security_events (type, occurred_at);
CREATE INDEX security_events_ip_occurred_at_idx ON security_events (ip, occurred_at) WHERE ip IS NOT NULL;

-- As before, and told in the chain: the batch says which events are under a pseudonym now, and the digests of what is left of them. So what
-- was blanked in any other way does not pass for it.
CREATE OR REPLACE FUNCTION pseudonymise_events(target uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  stand_in uuid;
  head record;
  changed record;
BEGIN
  SELECT pseudonym INTO stand_in FROM public.erasures WHERE user_id = target;
  IF stand_in IS NULL OR EXISTS (SELECT FROM public.users WHERE id = target) THEN
    RETURN 0;
  END IF;
  PERFORM FROM public.audit_chain FOR UPDATE;
  head := public.audit_head();

  WITH own AS (
    SELECT occurred_at, id, actor_id IS NULL OR actor_id = target AS is_own, impersonal.data
    FROM public.security_events event, LATERAL public.impersonal_event_data(event.data) AS impersonal (data)
    WHERE user_id = target
    LIMIT batch
  ), acted AS (
    SELECT occurred_at, id, true, data FROM public.security_events
    WHERE actor_id = target AND actor_id IS NOT NULL AND actor_id IS DISTINCT FROM user_id
    LIMIT batch - (SELECT count(*) FROM own)
  ), found AS (
    SELECT * FROM own UNION ALL SELECT * FROM acted
  ), blanked AS (
    UPDATE public.security_events event SET
      user_id = CASE WHEN event.user_id = target THEN stand_in ELSE event.user_id END,
      actor_id = CASE WHEN event.actor_id = target THEN stand_in ELSE event.actor_id END,
      session_id = NULL,
      ip = CASE WHEN is_own THEN NULL ELSE ip END,
      user_agent = CASE WHEN is_own THEN NULL ELSE user_agent END,
      request_id = CASE WHEN is_own THEN NULL ELSE request_id END,
      trace_id = CASE WHEN is_own THEN NULL ELSE trace_id END,
      data = found.data,
      salt = gen_random_uuid(),
      amended_in = CASE WHEN seq IS NOT NULL THEN head.number + 1 END
    FROM found
    WHERE event.occurred_at = found.occurred_at AND event.id = found.id
    RETURNING event.*
  )
  SELECT count(*)::integer AS events, array_agg(seq ORDER BY seq) FILTER (WHERE seq IS NOT NULL) AS seqs,
    string_agg(public.security_event_digest(id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent,
      request_id, trace_id, data, salt), ''::bytea ORDER BY seq) FILTER (WHERE seq IS NOT NULL) AS digests
  INTO changed FROM blanked;
  IF changed.seqs IS NOT NULL THEN
    PERFORM public.append_audit_batch(head.number, head.hash, 'pseudonymised', head.last_seq, cardinality(changed.seqs),
      changed.digests, NULL, changed.seqs, stand_in, clock_timestamp());
  END IF;
  RETURN changed.events;
END
$$;

-- Drops the oldest month that is over for `keep_days`, and answers its name; null when there is none. Whoever asks for less than 30 days wants
-- to hide something. It is told in the log, so that audit:verify knows which events are gone by right. The chain before any table, as all do.
CREATE FUNCTION drop_expired_security_events(keep_days integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' -- a long reader must not make all others wait
AS $$
DECLARE
  expired record;
  first_kept bigint;
BEGIN
  IF keep_days IS NULL OR keep_days < 30 THEN
    RAISE EXCEPTION 'no event is dropped in its first 30 days' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('latchkey:security_events_partition'));
  SELECT p.name, p.month_end INTO expired FROM (
    SELECT c.relname AS name,
      make_timestamptz(substr(c.relname, 17, 4)::integer, substr(c.relname, 22, 2)::integer, 1, 0, 0, 0, 'UTC') + interval '1 month' AS month_end
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.security_events'::regclass AND c.relname ~ '^security_events_[0-9]{4}_[0-9]{2}$'
  ) AS p
  WHERE p.month_end <= now() - make_interval(days => keep_days)
  ORDER BY p.month_end LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;

  PERFORM FROM public.audit_chain FOR UPDATE;
  EXECUTE format('DROP TABLE public.%I', expired.name);
  DELETE FROM public.security_events_default WHERE recorded_at < expired.month_end; -- a time that was far off had no month
  SELECT number INTO first_kept FROM public.audit_batches
  WHERE last_seq >= (SELECT min(seq) FROM public.security_events)
  ORDER BY last_seq, number LIMIT 1;
  UPDATE public.audit_chain
  SET kept_from = coalesce(first_kept, (SELECT max(number) FROM public.audit_batches), kept_from)
  RETURNING kept_from INTO first_kept;
  INSERT INTO public.outbox (type, severity, data) VALUES ('audit.partition_dropped', 'notice',
    jsonb_build_object('partition', expired.name, 'before', expired.month_end AT TIME ZONE 'UTC', 'keptFrom', first_kept));
  RETURN expired.name;
END
$$;

-- Takes out at most `batch` of the oldest batches and anchors that nothing is left of; answers how many.
CREATE FUNCTION trim_audit_chain(batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  last_gone bigint;
  trimmed integer;
BEGIN
  WITH gone AS (
    DELETE FROM public.audit_batches WHERE number IN (
      SELECT b.number FROM public.audit_batches b, public.audit_chain c WHERE b.number < c.kept_from ORDER BY b.number LIMIT batch
    ) RETURNING number
  )
  SELECT max(number), count(*)::integer INTO last_gone, trimmed FROM gone;
  DELETE FROM public.audit_anchors WHERE number <= last_gone;
  RETURN trimmed;
END
$$;

REVOKE INSERT ON security_events FROM latchkey_api, latchkey_worker;
GRANT SELECT ON audit_chain, audit_batches, audit_anchors TO latchkey_worker;
GRANT INSERT ON audit_anchors TO latchkey_worker;
REVOKE ALL ON FUNCTION
  security_event_digest(uuid, timestamptz, text, text, uuid, uuid, uuid, inet, text, text, text, jsonb, uuid), audit_head(),
  append_audit_batch(bigint, bytea, text, bigint, integer, bytea, integer[], bigint[], uuid, timestamptz),
  months_of_events(timestamptz[], timestamptz), store_security_events(outbox[]), drop_expired_security_events(integer),
  trim_audit_chain(integer)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store_security_events(outbox[]), drop_expired_security_events(integer), trim_audit_chain(integer)
TO latchkey_worker;
