-- Why: who may change what others may do. The api has no right to change roles, or who may sign in, or service clients: it asks these
-- functions. Each takes the session of the one who acts, checks in the transaction of the change that it is a live one of an enabled
-- admin, and writes the event, which the api cannot take back. So whoever gets through the api makes no admin unseen.
SET LOCAL ROLE latchkey_migrator;

-- Names are ours or the operator's; so few of them that a token with all of them fits into a header and a cookie.
-- Joined by a space, because a check looks at no element by itself: one with a space in it would count as two.
ALTER TABLE users ADD CONSTRAINT users_roles_check CHECK (
  cardinality(roles) <= 16
  AND cardinality(string_to_array(array_to_string(roles, ' ', ''), ' ')) = cardinality(roles)
  AND array_to_string(roles, ' ', '') ~ '^([a-z][a-z0-9_-]{0,31}( [a-z][a-z0-9_-]{0,31})*)?$');

-- Lists are in the order of creation. Those who are nothing but users, and enabled, cost the two partial ones nothing.
CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_with_roles_idx ON users (created_at, id) WHERE roles <> '{user}';
CREATE INDEX users_disabled_idx ON users (created_at, id) WHERE disabled_at IS NOT NULL;

-- Searched by how they begin: as ranges of text in byte order, so that no character of what is searched for has a meaning. Trigrams
-- would find what is in the middle too, at the price of some fifty index entries for each registration and each imported row.
CREATE INDEX users_email_prefix_idx ON users (lower(email::text) COLLATE "C");
CREATE INDEX users_username_prefix_idx ON users (username COLLATE "C") WHERE username IS NOT NULL;
CREATE INDEX users_name_prefix_idx ON users (lower(name) COLLATE "C") WHERE name IS NOT NULL;

-- Whose session it is, provided that it lives and that they are an enabled admin now. Until the transaction ends nobody else
-- changes who is an admin: of two who would demote each other the second is none any more.
CREATE FUNCTION acting_admin(acting_session uuid) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('latchkey:admins'));
  SELECT u.id INTO admin
  FROM public.sessions s JOIN public.users u ON u.id = s.user_id
  WHERE s.id = acting_session AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()
    AND u.disabled_at IS NULL AND 'admin' = ANY (u.roles);
  IF admin IS NULL THEN
    RAISE EXCEPTION 'Only an admin may do this.' USING ERRCODE = 'LK001';
  END IF;
  RETURN admin;
END
$$;

-- The same for what an admin does to somebody. Nobody does it to themselves, so that whoever acts is an admin afterwards too: the
-- last one cannot go this way.
CREATE FUNCTION acting_admin(acting_session uuid, target uuid) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
BEGIN
  IF admin = target THEN
    RAISE EXCEPTION 'Nobody does this to themselves: another admin must.' USING ERRCODE = 'LK002';
  END IF;
  RETURN admin;
END
$$;

-- For those who erase themselves: takes the same lock, then refuses the last enabled admin.
CREATE FUNCTION assert_not_last_admin(target uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('latchkey:admins'));
  IF EXISTS (SELECT FROM public.users WHERE id = target AND 'admin' = ANY (roles) AND disabled_at IS NULL)
    AND NOT EXISTS (
      SELECT FROM public.users WHERE id <> target AND roles <> '{user}' AND 'admin' = ANY (roles) AND disabled_at IS NULL)
  THEN
    RAISE EXCEPTION 'This is the last admin who can sign in.' USING ERRCODE = 'LK003';
  END IF;
END
$$;

-- The roles from before, or null when there is no such user.
CREATE FUNCTION change_user_roles(
  acting_session uuid, target uuid, wanted text[], client_ip inet, client_agent text, request text
) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session, target);
  roles_before text[];
BEGIN
  SELECT roles INTO roles_before FROM public.users WHERE id = target FOR UPDATE;
  IF roles_before IS NULL OR (roles_before @> wanted AND wanted @> roles_before) THEN
    RETURN roles_before;
  END IF;
  UPDATE public.users SET roles = wanted, updated_at = now() WHERE id = target;
  INSERT INTO public.outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
  VALUES ('roles.changed', 'warning', target, admin, acting_session, client_ip, client_agent, request,
    jsonb_build_object('before', to_jsonb(roles_before), 'after', to_jsonb(wanted)));
  RETURN roles_before;
END
$$;

-- Whether it changed anything.
CREATE FUNCTION change_user_status(
  acting_session uuid, target uuid, is_enabled boolean, client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session, target);
BEGIN
  UPDATE public.users SET disabled_at = CASE WHEN is_enabled THEN NULL ELSE now() END, updated_at = now()
  WHERE id = target AND (disabled_at IS NULL) <> is_enabled;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO public.outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id)
  VALUES (CASE WHEN is_enabled THEN 'user.enabled' ELSE 'user.disabled' END, CASE WHEN is_enabled THEN 'notice' ELSE 'warning' END,
    target, admin, acting_session, client_ip, client_agent, request);
  RETURN true;
END
$$;

-- Takes the word of an admin for an address, or takes it back. Whether it changed anything.
CREATE FUNCTION change_email_verified(
  acting_session uuid, target uuid, is_verified boolean, client_ip inet, client_agent text, request text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
BEGIN
  UPDATE public.users SET email_verified_at = CASE WHEN is_verified THEN now() END, updated_at = now()
  WHERE id = target AND (email_verified_at IS NOT NULL) <> is_verified;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF is_verified THEN
    INSERT INTO public.outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id)
    VALUES ('email.verified', 'info', target, admin, acting_session, client_ip, client_agent, request);
  END IF;
  RETURN true;
END
$$;

-- The three commands for service clients, as admins may give them.
CREATE FUNCTION create_service_client(
  acting_session uuid, client uuid, client_name text, client_secret_hash bytea, client_audience text, client_scopes text[],
  client_ip inet, client_agent text, request text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
BEGIN
  INSERT INTO public.service_clients (id, name, secret_hash, audience, scopes)
  VALUES (client, client_name, client_secret_hash, client_audience, client_scopes);
  INSERT INTO public.outbox (type, severity, actor_id, session_id, ip, user_agent, request_id, data)
  VALUES ('client.created', 'notice', admin, acting_session, client_ip, client_agent, request, jsonb_build_object(
    'clientId', client, 'name', client_name, 'audience', client_audience, 'scopes', to_jsonb(client_scopes)));
END
$$;

-- The client's name; null when there is none with this id, or it is disabled.
CREATE FUNCTION replace_client_secret(
  acting_session uuid, client uuid, new_secret_hash bytea, keep_seconds integer, client_ip inet, client_agent text, request text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  changed record;
BEGIN
  UPDATE public.service_clients SET
    secret_hash = new_secret_hash,
    previous_secret_hash = CASE WHEN keep_seconds > 0 THEN secret_hash END,
    previous_secret_expires_at = CASE WHEN keep_seconds > 0 THEN now() + make_interval(secs => keep_seconds) END
  WHERE id = client AND disabled_at IS NULL
  RETURNING name, previous_secret_expires_at INTO changed;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.outbox (type, severity, actor_id, session_id, ip, user_agent, request_id, data)
  VALUES ('client.secret_rotated', 'notice', admin, acting_session, client_ip, client_agent, request, jsonb_build_object(
    'clientId', client, 'name', changed.name, 'previousSecretExpiresAt', changed.previous_secret_expires_at));
  RETURN changed.name;
END
$$;

CREATE FUNCTION disable_service_client(
  acting_session uuid, client uuid, client_ip inet, client_agent text, request text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  admin uuid := public.acting_admin(acting_session);
  disabled_name text;
BEGIN
  UPDATE public.service_clients SET disabled_at = now() WHERE id = client AND disabled_at IS NULL
  RETURNING name INTO disabled_name;
  IF FOUND THEN
    INSERT INTO public.outbox (type, severity, actor_id, session_id, ip, user_agent, request_id, data)
    VALUES ('client.disabled', 'warning', admin, acting_session, client_ip, client_agent, request,
      jsonb_build_object('clientId', client, 'name', disabled_name));
  END IF;
  RETURN disabled_name;
END
$$;

DO $$
DECLARE
  asked regprocedure;
BEGIN
  FOREACH asked IN ARRAY ARRAY[
    'acting_admin(uuid)', 'acting_admin(uuid, uuid)', 'assert_not_last_admin(uuid)',
    'change_user_roles(uuid, uuid, text[], inet, text, text)',
    'change_user_status(uuid, uuid, boolean, inet, text, text)',
    'change_email_verified(uuid, uuid, boolean, inet, text, text)',
    'create_service_client(uuid, uuid, text, bytea, text, text[], inet, text, text)',
    'replace_client_secret(uuid, uuid, bytea, integer, inet, text, text)',
    'disable_service_client(uuid, uuid, inet, text, text)'
  ]::regprocedure[] LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', asked);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO latchkey_api', asked);
  END LOOP;
END
$$;

-- How many there are of what, counted by the worker now and then, so that nobody who looks counts.
CREATE TABLE statistics (
  name text CONSTRAINT statistics_pkey PRIMARY KEY,
  value bigint NOT NULL,
  measured_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON statistics TO latchkey_api;
GRANT SELECT, INSERT, UPDATE ON statistics TO latchkey_worker;
GRANT SELECT (email_verified_at, mfa_enabled) ON users TO latchkey_worker;
