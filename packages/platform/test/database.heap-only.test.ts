// Load: an update that touches an index, or finds no room in its page, makes table and indexes grow with every refresh.
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { migrate } from '@latchkey/platform/database/migrate'
import t from 'tap'
import { connectForTest } from './support/database.js'

// Alone: a transaction that writes keeps old versions alive in every database of its server, and other tests have long ones.
const { url, version } = await startPrivatePostgres(t, { fsync: 'off' })
await migrate(url)
const owner = connectForTest(t, url)

t.test(
  'at least 95 % of the updates of rotations are heap-only, even while a backup keeps every old version',
  async (t) => {
    await owner`INSERT INTO users (id, email) SELECT uuid_v7(), n || '@example.com' FROM generate_series(1, 800) AS n`
    await owner`
    INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at, ip, device_name, user_agent, device_fingerprint)
    SELECT uuid_v7(), id, now() + interval '7 days', now() + interval '30 days', '2001:db8::1', 'Firefox on Linux',
      repeat('Mozilla/5.0 ', 10), decode(repeat('00', 16), 'hex')
    FROM users`
    const sessions = await owner<{ id: string }[]>`SELECT id FROM sessions`
    const rotateAll = async () => {
      const sql = connectForTest(t, url, { role: 'latchkey_api' })
      await Promise.all(
        sessions.map(
          ({ id }) => sql`
          UPDATE sessions SET generation = generation + 1, rotated_at = now(), last_used_at = now(),
            idle_expires_at = now() + interval '7 days', retry_keys = substring(retry_keys FROM 9) || decode(repeat('01', 8), 'hex'),
            rotated_by = decode(repeat('02', 16), 'hex')
          WHERE id = ${id} AND revoked_at IS NULL`,
        ),
      )
      await sql.end() // a backend reports its statistics when it ends
    }

    for (let round = 0; round < 4; round += 1) await rotateAll()
    await owner.begin(async (backup) => {
      await backup`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
      await backup`SELECT count(*) FROM sessions`
      await rotateAll()
    })

    const updates = sessions.length * 5
    const { heapOnly, updated } = await waitFor(
      async () => {
        const [row] = await owner<{ updated: number; heapOnly: number }[]>`
        SELECT n_tup_upd::int AS updated, n_tup_hot_upd::int AS heap_only FROM pg_stat_user_tables WHERE relname = 'sessions'`
        return row?.updated === updates && row
      },
      { what: `the statistics of ${updates} updates`, deadlineMs: 15_000 },
    )
    t.ok(heapOnly / updated >= 0.95, `${heapOnly} of ${updated} on PostgreSQL ${version}`)
  },
)
