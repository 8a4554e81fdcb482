-- Why: whoever leaves is forgotten, and what happened stays told. The api may delete nobody: it asks functions that check who asks, and
-- tell of it. What is left in the log is put under a pseudonym by another one, which touches nobody who is still there.
SET LOCAL ROLE latchkey_migrator;

-- A session that was ended outlives its user for as long as an access token of it may: the list of revocations is rebuilt from it.
ALTER TABLE sessions
  ALTER COLUMN user_id DROP NOT NULL,
  ADD CONSTRAINT sessions_user_id_check CHECK (user_id IS NOT NULL OR revoked_at IS NOT NULL);

-- Who was erased, for as long as an event of theirs may still come from a queue: then nobody can tell any more whose pseudonym it is.
CREATE TABLE erasures (
  user_id uuid CONSTRAINT erasures_pkey PRIMARY KEY,
  pseudonym uuid NOT NULL DEFAULT gen_random_uuid(), -- no UUIDv7: that would tell when they left
  looks smallint NOT NULL DEFAULT 0, -- how often the worker has looked for what is left of them
  due_at timestamptz NOT NULL -- when it looks next
);
CREATE INDEX erasures_due_at_idx ON erasures (due_at);
GRANT SELECT, DELETE, UPDATE (looks, due_at) ON erasures TO latchkey_worker;

CREATE INDEX mails_user_id_idx ON mails (user_id);
GRANT SELECT (user_id, template, created_at, settled_at, status) ON mails TO latchkey_api;

-- Whoever acted on somebody else: few, so that it costs the many nothing.
CREATE INDEX security_events_actor_id_idx ON security_events (actor_id)
  WHERE actor_id IS NOT NULL AND actor_id IS DISTINCT FROM user_id;

-- Not for the roles: the two below ask who asks. The sessions that it ended, or null when there is no such user. Locks in the order
-- credential, user, sessions, as sign-in and change of password do, so that each is over before it or finds nobody after it.
CREATE FUNCTION erase_person(
  target uuid, actor uuid, acting_session uuid, client_ip inet, client_agent text, request text
) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  person record;
  ended uuid[];
BEGIN
  PERFORM FROM public.credentials WHERE user_id = target FOR UPDATE;
  SELECT email, locale INTO person FROM public.users WHERE id = target FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM FROM public.sessions WHERE user_id = target ORDER BY id FOR UPDATE;

  WITH live AS (
    SELECT id FROM public.sessions
    WHERE user_id = target AND revoked_at IS NULL AND idle_expires_at > now() AND absolute_expires_at > now()
  ), told AS (
    INSERT INTO public.outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
    SELECT 'session.revoked', 'info', target, actor, id, client_ip, client_agent, request, '{"reason": "user_deleted"}' FROM live
  )
  SELECT coalesce(array_agg(id), '{}') INTO ended FROM live;
  UPDATE public.sessions SET
    user_id = NULL, revoked_at = coalesce(revoked_at, now()), revoke_reason = coalesce(revoke_reason, 'user_deleted'),
    ip = NULL, user_agent = NULL, device_name = NULL, device_fingerprint = NULL, rotated_by = NULL
  WHERE user_id = target;

  -- What was begun under the address alone, by whoever may have it next.
  DELETE FROM public.one_time_tokens WHERE user_id IS NULL AND email OPERATOR(public.=) person.email;
  DELETE FROM public.mails WHERE user_id = target;
  DELETE FROM public.users WHERE id = target; -- and by its foreign keys all else

  -- By then the events of today have come through the queue, as a rule.
  INSERT INTO public.erasures (user_id, due_at) VALUES (target, now() + interval '10 seconds');
  INSERT INTO public.outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
  VALUES ('user.deleted', 'warning', target, actor, acting_session, client_ip, client_agent, request,
    jsonb_build_object('mailTo', person.email, 'mailLocale', person.locale));
  RETURN ended;
END
$$;

-- For those who leave. Null as well when the session has ended, or when a second factor was enrolled that was not given.
CREATE FUNCTION erase_own_account(
  acting_session uuid, gave_second_factor boolean, client_ip inet, client_agent text, request text
) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  owner uuid;
BEGIN
  SELECT user_id INTO owner FROM public.sessions WHERE id = acting_session;
  PERFORM public.assert_not_last_admin(owner);
  PERFORM FROM public.credentials WHERE user_id = owner FOR UPDATE;
  PERFORM FROM public.users WHERE id = owner AND disabled_at IS NULL AND (gave_second_factor OR NOT mfa_enabled) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM FROM public.sessions
  WHERE id = acting_session AND revoked_at IS NULL AND idle_expires_at > now() AND absolute_expires_at > now();
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN public.erase_person(owner, owner, acting_session, client_ip, client_agent, request);
END
$$;

-- For admins, of others.
CREATE FUNCTION erase_user(acting_session uuid, target uuid, client_ip inet, client_agent text, request text) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN public.erase_person(target, public.acting_admin(acting_session, target), acting_session, client_ip, client_agent, request);
END
$$;

-- What an event may still say of somebody who was erased: facts of ours, and none that a client or a person has chosen. What is not
-- named here is lost, so that a field that is new tells nobody more than it should.
CREATE FUNCTION impersonal_event_data(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(data)
  WHERE key = ANY ('{action,after,amr,before,changed,device,during,few,fields,method,newDevice,presentedGeneration,reason,remaining,sessions,storedGeneration}')
$$;

-- Puts at most `batch` events of somebody who was erased under their pseudonym and forgets whence and with what they came; how many
-- it found. Whence somebody else acted on them stays, because it tells of that one. For anybody who is still there it does nothing.
CREATE FUNCTION pseudonymise_events(target uuid, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  stand_in uuid;
  changed integer;
BEGIN
  SELECT pseudonym INTO stand_in FROM public.erasures WHERE user_id = target;
  IF stand_in IS NULL OR EXISTS (SELECT FROM public.users WHERE id = target) THEN
    RETURN 0;
  END IF;

  WITH found AS (
    SELECT occurred_at, id, actor_id IS NULL OR actor_id = target AS is_own FROM public.security_events
    WHERE user_id = target
    LIMIT batch
  )
  UPDATE public.security_events event SET
    user_id = stand_in,
    actor_id = CASE WHEN actor_id = target THEN stand_in ELSE actor_id END,
    session_id = NULL,
    ip = CASE WHEN is_own THEN NULL ELSE ip END,
    user_agent = CASE WHEN is_own THEN NULL ELSE user_agent END,
    request_id = CASE WHEN is_own THEN NULL ELSE request_id END,
    trace_id = CASE WHEN is_own THEN NULL ELSE trace_id END,
    data = public.impersonal_event_data(data)
  FROM found
  WHERE event.occurred_at = found.occurred_at AND event.id = found.id;
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed > 0 THEN
    RETURN changed;
  END IF;

  WITH found AS (
    SELECT occurred_at, id FROM public.security_events
    WHERE actor_id = target AND actor_id IS NOT NULL AND actor_id IS DISTINCT FROM user_id
    LIMIT batch
  )
  UPDATE public.security_events event SET
    actor_id = stand_in, session_id = NULL, ip = NULL, user_agent = NULL, request_id = NULL, trace_id = NULL
  FROM found
  WHERE event.occurred_at = found.occurred_at AND event.id = found.id;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END
$$;

REVOKE ALL ON FUNCTION
  erase_person(uuid, uuid, uuid, inet, text, text), erase_own_account(uuid, boolean, inet, text, text),
  erase_user(uuid, uuid, inet, text, text), impersonal_event_data(jsonb), pseudonymise_events(uuid, integer)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_own_account(uuid, boolean, inet, text, text), erase_user(uuid, uuid, inet, text, text) TO latchkey_api;
GRANT EXECUTE ON FUNCTION pseudonymise_events(uuid, integer) TO latchkey_worker;
