-- Why: owners are told of a sign-in from a device that is new to them, of a session that moves to another device, and have no
-- more sessions than they can keep an eye on.
SET LOCAL ROLE latchkey_migrator;

-- By the agent half of the fingerprint (browser or app family and platform): an address is no device, it changes by itself.
CREATE TABLE known_devices (
  user_id uuid CONSTRAINT known_devices_user_id_fkey REFERENCES users ON DELETE CASCADE,
  agent_hash bytea CONSTRAINT known_devices_agent_hash_check CHECK (octet_length(agent_hash) = 8),
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT known_devices_pkey PRIMARY KEY (user_id, agent_hash)
) WITH (fillfactor = 80); -- a sign-in moves last_seen_at, in place

-- Nobody is told that the device they have been using all along is new.
INSERT INTO known_devices (user_id, agent_hash, first_seen_at, last_seen_at)
SELECT user_id, substring(device_fingerprint FROM 1 FOR 8), min(created_at), max(last_used_at)
FROM sessions WHERE octet_length(device_fingerprint) >= 8
GROUP BY 1, 2;

GRANT SELECT, INSERT (user_id, agent_hash), UPDATE (last_seen_at), DELETE ON known_devices TO latchkey_api;

-- What a session shows of its device, and when and how its user authenticated, may change while it lives.
GRANT UPDATE (device_fingerprint, ip, user_agent, authenticated_at, amr) ON sessions TO latchkey_api;

-- Makes room for the session that the caller opens: ends all but the `others` last used of the owner's other live sessions and
-- answers which. A function, because a statement in one sees what was committed before it began, and a plain part of the
-- caller's statement only what was before that: the caller locks the owner's row first, so of two sign-ins at once the second
-- counts the first one's session. Rows are locked in the order of their ids, as wherever several of a user's sessions end.
CREATE FUNCTION end_surplus_sessions(owner uuid, opened uuid, others integer) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN QUERY
  WITH surplus AS (
    SELECT s.id FROM sessions s
    WHERE s.revoked_at IS NULL AND s.id = ANY (ARRAY(
      SELECT live.id FROM sessions live
      WHERE live.user_id = owner AND live.id <> opened
        AND live.revoked_at IS NULL AND live.idle_expires_at > now() AND live.absolute_expires_at > now()
      ORDER BY live.last_used_at DESC, live.id DESC
      OFFSET others))
    ORDER BY s.id
    FOR UPDATE
  )
  UPDATE sessions s SET revoked_at = now(), revoke_reason = 'session_limit'
  FROM surplus WHERE s.id = surplus.id
  RETURNING s.id;
END
$$;
REVOKE ALL ON FUNCTION end_surplus_sessions(uuid, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_surplus_sessions(uuid, uuid, integer) TO latchkey_api;
