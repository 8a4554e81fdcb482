/** The api died between its commit and its word to Redis: the event of the revocation makes the worker say it. */
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { relayOutbox } from '@latchkey/worker/jobs/relay-outbox/relay-outbox'
import { countOutbox, insertIntoOutbox, persistedIds } from './support/events.js'
import { createTestDeps } from './support/test-deps.js'

const { signal } = new AbortController()

t.test(
  'events that end a session put it on the denylist, for as long as its access tokens live',
  async (t) => {
    const { deps, db } = await createTestDeps(t)
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    const ended = [newId(), newId()]
    const opened = newId()
    await db`
    INSERT INTO outbox (type, severity, session_id) VALUES
      ('session.revoked', 'info', ${ended[0] ?? null}),
      ('session.reuse_detected', 'critical', ${ended[1] ?? null}),
      ('login.succeeded', 'info', ${opened})`
    await relayOutbox(deps, signal)

    const prefix = `${deps.config.redisKeyPrefix}revoked:`
    for (const id of ended) {
      const ttl = await deps.redis.client.ttl(prefix + id)
      t.ok(ttl > 920 && ttl <= 930, `${ttl} s`)
    }
    t.equal(await deps.redis.client.exists(prefix + opened), 0)
  },
)

t.test(
  'relayed events stay in the outbox until they are persisted, and are not relayed twice meanwhile',
  async (t) => {
    const { deps, db } = await createTestDeps(t)
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    await insertIntoOutbox(db, 1100)
    await relayOutbox(deps, signal)
    await relayOutbox(deps, signal)
    t.equal(await deps.queues.securityEvents.getWaitingCount(), 3)
    t.equal(await countOutbox(db), 1100)
    t.same(await persistedIds(db), [])
  },
)
