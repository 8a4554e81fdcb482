-- Why: operators' own systems hear of events as they happen. The statement that stores an event writes the row of each delivery, so that no
-- crash and no lost queue loses one. What is delivered is read from the log when it is sent: these rows tell of nobody.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE webhook_endpoints (
  id uuid CONSTRAINT webhook_endpoints_pkey PRIMARY KEY,
  url text NOT NULL CONSTRAINT webhook_endpoints_url_check CHECK (url ~ '^https?://[!-~]+$' AND octet_length(url) <= 2048),
  description text NOT NULL CONSTRAINT webhook_endpoints_description_check CHECK (octet_length(description) <= 1000),
  event_types text[] NOT NULL -- {*} for all
    CONSTRAINT webhook_endpoints_event_types_check CHECK (cardinality(event_types) BETWEEN 1 AND 200),
  least_severity text NOT NULL
    CONSTRAINT webhook_endpoints_least_severity_check CHECK (least_severity IN ('info', 'notice', 'warning', 'critical')),
  sealed_secret bytea NOT NULL,
  -- Signs beside the new one for a day, so that receivers can change over.
  sealed_previous_secret bytea,
  previous_secret_expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  disabled_at timestamptz,
  disabled_reason text CONSTRAINT webhook_endpoints_disabled_reason_check CHECK (disabled_reason IN ('admin', 'gone', 'failing')),
  -- How it fares, for all workers.
  failures integer NOT NULL DEFAULT 0, -- in a row
  failing_since timestamptz,
  paused_until timestamptz, -- nobody sends it anything before
  leased_until timestamptz, -- one worker sends to it until then
  leases integer NOT NULL DEFAULT 0, -- names the lease, so that one that ran out cannot speak for a later one
  CONSTRAINT webhook_endpoints_disabled_check CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
  CONSTRAINT webhook_endpoints_previous_secret_check
    CHECK ((sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL))
) WITH (fillfactor = 50);

CREATE TABLE webhook_deliveries (
  endpoint_id uuid NOT NULL, -- no foreign keys: they could keep an event from being stored
  event_id uuid NOT NULL,
  occurred_at timestamptz NOT NULL, -- finds the event
  urgency smallint NOT NULL, -- 1 for critical to 4 for info: what is worse goes first
  waiting_since timestamptz NOT NULL DEFAULT now(), -- for the first time, or since it was replayed
  due_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  settled_at timestamptz,
  status text CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('delivered', 'dead')),
  reason text, -- of the last failure
  CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (endpoint_id, event_id),
  CONSTRAINT webhook_deliveries_settled_check CHECK ((settled_at IS NULL) = (status IS NULL))
);

CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (endpoint_id, urgency, due_at) WHERE settled_at IS NULL;
CREATE INDEX webhook_deliveries_dead_idx ON webhook_deliveries (endpoint_id, event_id) WHERE status = 'dead';
CREATE INDEX webhook_deliveries_delivered_idx ON webhook_deliveries (settled_at) WHERE status = 'delivered';

-- The api reads no secret, not even a sealed one, and changes nothing by itself: whoever gets through it can neither turn the stream of
-- events to an address of theirs unseen, nor cut it off by calling what waits delivered.
GRANT SELECT (
  id, url, description, event_types, least_severity, previous_secret_expires_at, created_at, updated_at, disabled_at, disabled_reason,
  failures, failing_since, paused_until
) ON webhook_endpoints TO latchkey_api;
GRANT SELECT ON webhook_deliveries TO latchkey_api;

GRANT SELECT ON webhook_endpoints TO latchkey_worker;
GRANT UPDATE (
  sealed_secret, sealed_previous_secret, previous_secret_expires_at, disabled_at, disabled_reason, failures, failing_since, paused_until,
  leased_until, leases
) ON webhook_endpoints TO latchkey_worker;
GRANT SELECT, INSERT (endpoint_id, event_id, occurred_at, urgency), DELETE ON webhook_deliveries TO latchkey_worker;
GRANT UPDATE (due_at, attempts, settled_at, status, reason) ON webhook_deliveries TO latchkey_worker;

-- As for service clients: each checks who acts, and tells of it. Of a URL only the host is told, because many have a secret in their path.
CREATE FUNCTION tell_of_webhook(
  event_type text, severity text, admin uuid, acting_session uuid, client_ip inet, client_agent text, request text, data jsonb
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO public.outbox (type, severity, actor_id, session_id, ip, user_agent, request_id, data)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
$$;

CREATE FUNCTION webhook_host(url text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN substring(url FROM '^https?://([^/?#]+)');

-- Whether there was room for it: `most` is kept by the lock under which admins act.
CREATE FUNCTION create_webhook(
  acting_session uuid, endpoint uuid, endpoint_url text, endpoint_description text, types text[], severity text, secret bytea, most integer,
  client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
BEGIN
  IF (SELECT count(*) FROM public.webhook_endpoints) >= most THEN
    RETURN false;
  END IF;
  INSERT INTO public.webhook_endpoints (id, url, description, event_types, least_severity, sealed_secret)
  VALUES (endpoint, endpoint_url, endpoint_description, types, severity, secret);
  PERFORM public.tell_of_webhook('webhook.created', 'warning', admin, acting_session, client_ip, client_agent, request,
    jsonb_build_object('webhookId', endpoint, 'host', public.webhook_host(endpoint_url), 'eventTypes', to_jsonb(types),
      'leastSeverity', severity));
  RETURN true;
END
$$;

-- What is null stays. A new address, or a word of an admin that it is there again, is tried at once.
CREATE FUNCTION change_webhook(
  acting_session uuid, endpoint uuid, new_url text, new_description text, new_types text[], new_severity text, is_enabled boolean,
  client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  renewed boolean := new_url IS NOT NULL OR coalesce(is_enabled, false);
BEGIN
  UPDATE public.webhook_endpoints SET
    url = coalesce(new_url, url),
    description = coalesce(new_description, description),
    event_types = coalesce(new_types, event_types),
    least_severity = coalesce(new_severity, least_severity),
    disabled_at = CASE WHEN is_enabled THEN NULL WHEN NOT is_enabled THEN coalesce(disabled_at, now()) ELSE disabled_at END,
    disabled_reason = CASE WHEN is_enabled THEN NULL WHEN NOT is_enabled THEN coalesce(disabled_reason, 'admin') ELSE disabled_reason END,
    failures = CASE WHEN renewed THEN 0 ELSE failures END,
    failing_since = CASE WHEN renewed THEN NULL ELSE failing_since END,
    paused_until = CASE WHEN renewed THEN NULL ELSE paused_until END,
    updated_at = now()
  WHERE id = endpoint;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM public.tell_of_webhook('webhook.changed', 'warning', admin, acting_session, client_ip, client_agent, request,
    jsonb_build_object('webhookId', endpoint) || jsonb_strip_nulls(jsonb_build_object(
      'host', public.webhook_host(new_url), 'eventTypes', to_jsonb(new_types), 'leastSeverity', new_severity, 'enabled', is_enabled)));
  RETURN true;
END
$$;

CREATE FUNCTION delete_webhook(
  acting_session uuid, endpoint uuid, client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  deleted_url text;
BEGIN
  DELETE FROM public.webhook_endpoints WHERE id = endpoint RETURNING url INTO deleted_url;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM public.tell_of_webhook('webhook.deleted', 'warning', admin, acting_session, client_ip, client_agent, request,
    jsonb_build_object('webhookId', endpoint, 'host', public.webhook_host(deleted_url)));
  RETURN true;
END
$$;

-- When the secret from before stops to sign; null when there is no such webhook.
CREATE FUNCTION replace_webhook_secret(
  acting_session uuid, endpoint uuid, new_secret bytea, keep_seconds integer, client_ip inet, client_agent text, request text
) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  expires_at timestamptz;
BEGIN
  UPDATE public.webhook_endpoints SET
    sealed_secret = new_secret, sealed_previous_secret = sealed_secret,
    previous_secret_expires_at = now() + make_interval(secs => keep_seconds), updated_at = now()
  WHERE id = endpoint
  RETURNING previous_secret_expires_at INTO expires_at;
  IF FOUND THEN
    PERFORM public.tell_of_webhook('webhook.secret_rotated', 'notice', admin, acting_session, client_ip, client_agent, request,
      jsonb_build_object('webhookId', endpoint));
  END IF;
  RETURN expires_at;
END
$$;

-- An event that goes to this one whatever it asks for. Whether it is enabled; null when there is no such webhook.
CREATE FUNCTION test_webhook(
  acting_session uuid, endpoint uuid, client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  is_enabled boolean;
BEGIN
  SELECT disabled_at IS NULL INTO is_enabled FROM public.webhook_endpoints WHERE id = endpoint;
  IF is_enabled THEN
    PERFORM public.tell_of_webhook('webhook.tested', 'info', admin, acting_session, client_ip, client_agent, request,
      jsonb_build_object('webhookId', endpoint));
  END IF;
  RETURN is_enabled;
END
$$;

-- Makes one settled delivery, or at most `most` of the dead ones, due again as if for the first time; how many.
CREATE FUNCTION replay_deliveries(
  acting_session uuid, endpoint uuid, event uuid, most integer, client_ip inet, client_agent text, request text
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  replayed integer;
BEGIN
  UPDATE public.webhook_deliveries d SET settled_at = NULL, status = NULL, reason = NULL, attempts = 0, waiting_since = now(), due_at = now()
  FROM (
    SELECT event_id FROM public.webhook_deliveries
    WHERE endpoint_id = endpoint AND settled_at IS NOT NULL AND (event_id = event OR (event IS NULL AND status = 'dead'))
    ORDER BY event_id LIMIT most
  ) AS chosen
  WHERE d.endpoint_id = endpoint AND d.event_id = chosen.event_id AND d.settled_at IS NOT NULL;
  GET DIAGNOSTICS replayed = ROW_COUNT;
  IF replayed > 0 THEN
    PERFORM public.tell_of_webhook('webhook.replayed', 'notice', admin, acting_session, client_ip, client_agent, request,
      jsonb_build_object('webhookId', endpoint, 'deliveries', replayed));
  END IF;
  RETURN replayed;
END
$$;

DO $$
DECLARE
  asked regprocedure;
BEGIN
  FOREACH asked IN ARRAY ARRAY[
    'create_webhook(uuid, uuid, text, text, text[], text, bytea, integer, inet, text, text)',
    'change_webhook(uuid, uuid, text, text, text[], text, boolean, inet, text, text)',
    'delete_webhook(uuid, uuid, inet, text, text)',
    'replace_webhook_secret(uuid, uuid, bytea, integer, inet, text, text)',
    'test_webhook(uuid, uuid, inet, text, text)',
    'replay_deliveries(uuid, uuid, uuid, integer, inet, text, text)'
  ]::regprocedure[] LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', asked);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO latchkey_api', asked);
  END LOOP;
  REVOKE ALL ON FUNCTION tell_of_webhook(text, text, uuid, uuid, inet, text, text, jsonb), webhook_host(text) FROM PUBLIC;
END
$$;
