-- Why: what the log shows of an attack is told once, to those who can do something about it, and answered where the operator has said how.
SET LOCAL ROLE latchkey_migrator;

CREATE TABLE alerts (
  id uuid CONSTRAINT alerts_pkey PRIMARY KEY DEFAULT uuid_v7(),
  rule text NOT NULL,
  subject text NOT NULL CONSTRAINT alerts_subject_check CHECK (octet_length(subject) <= 512), -- what makes it the same one: a user, a network …
  severity text NOT NULL CONSTRAINT alerts_severity_check CHECK (severity IN ('info', 'notice', 'warning', 'critical')),
  user_id uuid, -- no foreign key: it outlives the user, under a pseudonym
  ip inet,
  incidents integer NOT NULL DEFAULT 1, -- bursts, each after a quiet time
  event_count bigint NOT NULL,
  event_ids uuid[] NOT NULL CONSTRAINT alerts_event_ids_check CHECK (cardinality(event_ids) <= 50), -- the first of them
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  data jsonb NOT NULL DEFAULT '{}',
  actions text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  operators_due_at timestamptz, -- since when they are to be told by mail
  operators_told_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by uuid,
  note text CONSTRAINT alerts_note_check CHECK (octet_length(note) <= 4000),
  CONSTRAINT alerts_acknowledged_check CHECK (acknowledged_at IS NOT NULL OR (acknowledged_by IS NULL AND note IS NULL))
);

CREATE UNIQUE INDEX alerts_open_key ON alerts (rule, subject) WHERE acknowledged_at IS NULL;
CREATE INDEX alerts_subject_last_at_idx ON alerts (rule, subject, last_at);
CREATE INDEX alerts_created_at_idx ON alerts (created_at, id);
CREATE INDEX alerts_user_id_created_at_idx ON alerts (user_id, created_at) WHERE user_id IS NOT NULL;
CREATE INDEX alerts_operators_due_at_idx ON alerts (operators_due_at) WHERE operators_due_at IS NOT NULL;
CREATE INDEX alerts_operators_told_at_idx ON alerts (operators_told_at) WHERE operators_told_at IS NOT NULL;

GRANT SELECT ON alerts TO latchkey_api;
GRANT SELECT, DELETE, INSERT (rule, subject, severity, user_id, ip, event_count, event_ids, first_at, last_at, data) ON alerts TO latchkey_worker;
GRANT UPDATE (
  subject, severity, user_id, ip, incidents, event_count, event_ids, last_at, data, actions, operators_due_at, operators_told_at,
  acknowledged_by, note
) ON alerts TO latchkey_worker;

-- From then on the account's password alone signs nobody in, and a device that was remembered before spares nobody the second factor. A
-- password that is set by a link in a mail ends it.
ALTER TABLE users ADD COLUMN mfa_required_at timestamptz;
GRANT UPDATE (mfa_required_at) ON users TO latchkey_api;

-- What the worker may do to an account under attack, and no more: it ends sessions, opens none, and lets nobody in. `ends_all` ends every
-- session; `requires_proof` those that a password alone has opened. Either ends sign-ins that are half done. The ids of those ended, or null when there is no such user. The lock on
-- the user lets a sign-in that is under way come to its end, so that its session is among them.
CREATE FUNCTION defend_account(target uuid, alert uuid, ends_all boolean, requires_proof boolean) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ended uuid[];
BEGIN
  PERFORM FROM public.users WHERE id = target FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF requires_proof THEN
    UPDATE public.users SET mfa_required_at = clock_timestamp() WHERE id = target;
  END IF;
  IF ends_all OR requires_proof THEN
    DELETE FROM public.sign_in_challenges WHERE user_id = target;
  END IF;

  WITH live AS (
    SELECT id FROM public.sessions
    WHERE user_id = target AND revoked_at IS NULL AND idle_expires_at > now() AND absolute_expires_at > now()
      AND (ends_all OR (requires_proof AND aal < 2 AND 'pwd' = ANY (amr)))
    ORDER BY id
    FOR UPDATE
  ), gone AS (
    UPDATE public.sessions SET revoked_at = now(), revoke_reason = 'alert'
    FROM live WHERE sessions.id = live.id
    RETURNING sessions.id
  ), told AS (
    INSERT INTO public.outbox (type, severity, user_id, session_id, data)
    SELECT 'session.revoked', 'info', target, id, jsonb_build_object('reason', 'alert', 'alertId', alert) FROM gone
  )
  SELECT coalesce(array_agg(id), '{}') INTO ended FROM gone;
  RETURN ended;
END
$$;

-- Locks as the next lockout would. One that is under way is left as it is.
CREATE FUNCTION lock_guesses(whose bytea, lockout_after integer, lockout_seconds integer, lockout_max_seconds integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO public.guess_counters AS held (subject, attempts, open_at)
  VALUES (whose, lockout_after,
    clock_timestamp() + public.guess_pause(lockout_after, lockout_after, lockout_seconds, lockout_max_seconds))
  ON CONFLICT (subject) DO UPDATE SET (attempts, open_at) = (
    SELECT reached, clock_timestamp() + public.guess_pause(reached, lockout_after, lockout_seconds, lockout_max_seconds)
    FROM (SELECT CASE WHEN held.open_at < clock_timestamp() - make_interval(secs => lockout_max_seconds) THEN lockout_after
      ELSE (held.attempts / lockout_after + 1) * lockout_after END AS reached) AS next)
  WHERE held.open_at <= clock_timestamp() OR held.attempts % lockout_after <> 0
$$;

-- Whether it was open until now. Tells of it.
CREATE FUNCTION acknowledge_alert(
  acting_session uuid, alert uuid, words text, client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  done record;
BEGIN
  UPDATE public.alerts SET acknowledged_at = clock_timestamp(), acknowledged_by = admin, note = words
  WHERE id = alert AND acknowledged_at IS NULL
  RETURNING rule, user_id INTO done;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO public.outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
  VALUES ('alert.acknowledged', 'notice', done.user_id, admin, acting_session, client_ip, client_agent, request,
    jsonb_build_object('alertId', alert, 'rule', done.rule));
  RETURN true;
END
$$;

REVOKE ALL ON FUNCTION
  defend_account(uuid, uuid, boolean, boolean), lock_guesses(bytea, integer, integer, integer),
  acknowledge_alert(uuid, uuid, text, inet, text, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION defend_account(uuid, uuid, boolean, boolean), lock_guesses(bytea, integer, integer, integer) TO latchkey_worker;
GRANT EXECUTE ON FUNCTION acknowledge_alert(uuid, uuid, text, inet, text, text) TO latchkey_api;

-- Operators are no users. Their mail goes to the address that its row has, and is about several alerts: it has an id of its own.
ALTER TABLE mails
  ALTER COLUMN user_id DROP NOT NULL,
  ADD CONSTRAINT mails_user_id_check CHECK (user_id IS NOT NULL OR template = 'operator-alerts');
