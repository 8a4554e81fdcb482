-- Why: least privilege from the first table on. The migrator owns, the api and the worker get only what they need.
-- Roles belong to the whole cluster, so another database, or a DBA, may have made them already.
DO $$
DECLARE
  wanted text;
  -- Since PostgreSQL 16 whoever creates a role administers it, but may not act as it before granting that to themselves.
  may_act_as text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['latchkey_migrator', 'latchkey_api', 'latchkey_worker'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- two databases of one cluster migrated at once: the other one made it
      END;
    END IF;
    IF NOT pg_has_role(current_user, wanted, may_act_as) THEN
      BEGIN
        EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
      EXCEPTION
        WHEN unique_violation OR internal_error THEN
          NULL; -- the other one granted it: "tuple concurrently updated"
        WHEN insufficient_privilege THEN
          -- The other two are for an owner's URL that api and worker share; they may have URLs of their own instead.
          IF wanted = 'latchkey_migrator' THEN
            RAISE;
          END IF;
      END;
    END IF;
  END LOOP;
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO latchkey_migrator', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO latchkey_api, latchkey_worker', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO latchkey_migrator;
GRANT USAGE ON SCHEMA public TO latchkey_api, latchkey_worker;

-- Whoever may migrate next time may also record it.
ALTER TABLE IF EXISTS public.schema_migrations OWNER TO latchkey_migrator;
