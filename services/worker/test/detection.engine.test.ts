// Attack: while a worker dies, two look at once, or the clock of a host is wrong; and a table of counters that tells who was where.
// Alone: it starts servers and processes of its own.
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { SecurityEventType } from '@latchkey/contracts/events'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent, type SecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '@latchkey/worker/deps'
import { cleanDetection, detectAttacks } from '@latchkey/worker/detection/detect-attacks'
import { openPlaces } from '@latchkey/worker/detection/places'
import { depsWith } from './support/alerts.js'
import { range } from './support/play-events.js'
import { recordLog } from './support/log-lines.js'
import { insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'
import { runProgram } from './support/worker-process.js'
import { writeMmdb } from './support/write-mmdb.js'

const { signal } = new AbortController()
const { deps, db, database, lines } = await createTestDeps(t, { redisUrl: null })
const { sql } = deps
const look = (some: Deps = deps) => detectAttacks(some, signal)

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

function event(
  type: SecurityEventType,
  agoMs: number,
  fields: Parameters<typeof newSecurityEvent>[1],
): SecurityEvent {
  const occurredAt = new Date(Date.now() - agoMs).toISOString()
  return { ...newSecurityEvent(type, { ip: '203.0.113.7', userAgent: 'Firefox', ...fields }), occurredAt }
}

const wrong = { reason: 'wrong_password' }
const guesses = (userId: string, count: number, ip = '203.0.113.7') =>
  range(count).map((n) => event('login.failed', (count - n) * 1000, { userId, ip, data: wrong }))

const store = async (...events: SecurityEvent[]) => void (await persistSecurityEvents(sql, events))

const alertsOf = (subject: string) => db<Record<string, unknown>[]>`
  SELECT rule, subject, severity, user_id, host(ip) AS ip, incidents, event_count::int, event_ids, data
  FROM alerts WHERE subject = ${subject} ORDER BY rule`

t.test('what is in the log is told once, however often it is looked at', async (t) => {
  const userId = await insertUser(db)
  const events = guesses(userId, 10)
  await store(...events.slice(0, 6))
  await look()
  t.same(await alertsOf(userId), [])
  await store(...events.slice(6))
  await look()
  const told = [
    {
      rule: 'brute-force',
      subject: userId,
      severity: 'warning',
      userId,
      ip: '203.0.113.7',
      incidents: 1,
      eventCount: 10,
      eventIds: events.map(({ id }) => id),
      data: { reason: 'Many wrong passwords were tried for one account.', counted: 10 },
    },
  ]
  t.same(await alertsOf(userId), told)
  await store(...events) // a job that comes again
  await look()
  await look()
  t.same(await alertsOf(userId), told)
  t.match(lines, [{ msg: 'An alert was raised', rule: 'brute-force' }])
  const { values } = await deps.metrics.securityAlertsTotal.get()
  t.match(values, [{ labels: { rule: 'brute-force' }, value: 1 }])
})

t.test('several workers share the log, and count each event once', async (t) => {
  const others = await Promise.all(range(3).map(() => createTestDeps(t, { redisUrl: null }, { database })))
  const workers = [deps, ...others.map((other) => ({ ...other.deps, keyring: deps.keyring }))]
  const userId = await insertUser(db)
  const events = guesses(userId, 95)
  for (const start of range(19)) {
    await store(...events.slice(start * 5, start * 5 + 5))
    await Promise.all(workers.map(look))
  }
  await look()
  t.match(await alertsOf(userId), [{ incidents: 1, eventCount: 90 }], 'nine times ten')
})

t.test('a look that is cut off leaves nothing behind, and is made up for', async (t) => {
  const userId = await insertUser(db)
  await store(...guesses(userId, 9))
  await look()
  const before = await db`SELECT id, state FROM detection_windows ORDER BY id`
  await store(...guesses(userId, 1))
  await db`ALTER TABLE alerts ADD CONSTRAINT cut_off CHECK (subject <> ${db.unsafe(`'${userId}'`)})`
  await t.rejects(look(), { code: '23514' })
  t.same(await db`SELECT id, state FROM detection_windows ORDER BY id`, before)
  await db`ALTER TABLE alerts DROP CONSTRAINT cut_off`
  await look()
  t.match(await alertsOf(userId), [{ eventCount: 10 }])
})

t.test('what was counted names nobody, and is gone when it is over', async (t) => {
  const userId = await insertUser(db)
  const ip = '198.51.100.77'
  await store(...guesses(userId, 3, ip), event('mfa.failed', 0, { userId, ip }))
  await look()
  const rows = await db<Record<string, unknown>[]>`SELECT id::text, watch, state::text FROM detection_windows`
  t.ok(rows.some(({ watch }) => watch === 'credential-stuffing/network'))
  const text = JSON.stringify(rows)
  for (const canary of [userId, userId.replaceAll('-', ''), ip, '198.51.100']) t.notMatch(text, canary)

  await cleanDetection(deps)
  t.equal((await db`SELECT FROM detection_windows`).length, rows.length)
  await db`UPDATE detection_windows SET expires_at = now() - interval '1 second'`
  await cleanDetection(deps)
  t.same(await db`SELECT FROM detection_windows`, [])
})

t.test('a rule keeps so many keys and no more; what is over first gives way', async (t) => {
  await db`
    INSERT INTO detection_windows (id, watch, state, expires_at)
    SELECT gen_random_uuid(), 'brute-force/account', '{}', now() + make_interval(secs => n)
    FROM generate_series(1001, 1107) AS n`
  await db`INSERT INTO detection_windows VALUES (gen_random_uuid(), 'mfa-fatigue/user', '{}', now() + interval '1 hour')`
  await cleanDetection(deps, signal, 100)
  const kept = await db`
    SELECT watch, count(*)::int AS keys, round(extract(epoch FROM min(expires_at) - now()) / 100) * 100 AS from
    FROM detection_windows GROUP BY watch ORDER BY watch`
  t.match(kept, [
    { watch: 'brute-force/account', keys: 100 },
    { watch: 'mfa-fatigue/user', keys: 1 },
  ])
  t.match(lines.at(-1), { watch: 'brute-force/account', deleted: 7 })
  await db`DELETE FROM detection_windows`
})

t.test(
  'a clock that is ahead reaches no further than now, and a late event counts where it belongs',
  async (t) => {
    const userId = await insertUser(db)
    const ahead = range(10).map((n) => event('login.failed', -2 * hour * (n + 1), { userId, data: wrong }))
    await store(...ahead)
    await look()
    t.match(await alertsOf(userId), [{ eventCount: 10 }], 'at once')
    const late = await insertUser(db)
    const events = range(10).map((n) =>
      event('login.failed', 5 * day - n * minute, { userId: late, data: wrong }),
    )
    await store(...events.slice(5))
    await look()
    await store(...events.slice(0, 5), ...guesses(late, 3))
    await look()
    t.match(await alertsOf(late), [{ eventCount: 10 }], 'after an outage of days')
  },
)

t.test('a rule that is off is silent', async (t) => {
  const userId = await insertUser(db)
  await store(event('session.reuse_detected', 0, { userId }))
  const off = depsWith(deps)
  await look({
    ...off,
    config: { ...off.config, detectionActions: { ...off.config.detectionActions, 'refresh-reuse': null } },
  })
  t.same(await alertsOf(userId), [])
})

t.test('where and when people are used to sign in is read from the log', async (t) => {
  const [ada, root] = [await insertUser(db), await insertUser(db)]
  const newDevice = { data: { newDevice: true } }
  const elsewhere = { userId: ada, ip: '198.51.100.9' }
  await store(
    ...range(12).map((n) => event('admin.acted', (n + 1) * day + 12 * hour, { actorId: root, userId: ada })),
    event('login.succeeded', 200 * day, elsewhere),
    event('login.succeeded', 80 * day, { userId: ada }),
    ...range(6).map((n) => event('login.failed', 2 * hour - n * minute, { ...elsewhere, data: wrong })),
  )
  const country = (iso: string, latitude: number, longitude: number) => ({
    country: { iso_code: iso },
    location: { latitude, longitude },
  })
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-geoip-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'places.mmdb')
  await writeFile(
    path,
    writeMmdb({ '203.0.113.0/24': country('DE', 52.5, 13.4), '198.51.100.0/24': country('US', 40.7, -74.5) }),
  )
  const located = { ...deps, places: openPlaces(path, deps.log) }
  await look(located)
  await store(
    event('login.succeeded', 4 * hour, { userId: ada }),
    event('login.succeeded', hour + 30 * minute, { ...elsewhere, ...newDevice }),
    event('admin.acted', 0, { actorId: root, userId: ada }),
  )
  await look(located)
  t.match(await alertsOf(ada), [
    { rule: 'failures-then-success', data: { failuresOfAccount: 6, accountsFailingFromAddress: 0 } },
    { rule: 'impossible-travel', data: { from: 'DE', to: 'US', minutes: 150 } },
    { rule: 'new-device-new-country', data: { country: 'US', knownCountries: ['DE'] }, ip: '198.51.100.9' },
  ])
  t.match(await alertsOf(root), [{ rule: 'admin-odd-hours', userId: root }])
})

t.test('GEOIP_DB', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-geoip-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'places.mmdb')
  const { log, lines: told } = recordLog()
  const spain = { registered_country: { iso_code: 'ES' } }

  t.test('locates addresses of both kinds, as far as it knows', async (t) => {
    await writeFile(
      path,
      writeMmdb({ '81.2.69.0/24': spain, '2001:db8::/32': { country: { iso_code: 'FR' } } }),
    )
    const places = openPlaces(path, log)
    t.same(places.locate('81.2.69.7'), { country: 'ES', position: null })
    t.same(places.locate('2001:db8::1'), { country: 'FR', position: null })
    for (const ip of ['81.2.70.1', '2001:db9::1', null]) t.equal(places.locate(ip), null)
    await writeFile(path, writeMmdb({ '81.2.69.0/24': spain }, 4))
    const old = openPlaces(path, log)
    t.match(old.locate('81.2.69.7'), { country: 'ES' })
    t.equal(old.locate('2001:db8::1'), null)
    t.same(openPlaces(null, log).locate('81.2.69.7'), null)
  })

  t.test('a file that is none stops the start, with its name', async (t) => {
    await writeFile(path, 'not a database')
    t.throws(() => openPlaces(path, log), {
      name: 'GeoIpProblem',
      message: `GEOIP_DB: ${path} is no MaxMind database`,
    })
    t.throws(() => openPlaces(join(folder, 'none'), log), { message: /ENOENT/ })
    const whole = writeMmdb({ '81.2.69.0/24': spain })
    await writeFile(path, whole.subarray(whole.length - 260))
    t.throws(() => openPlaces(path, log), { name: 'GeoIpProblem' }, 'its end alone')
    const { code, stdout, stderr } = await runProgram(t, 'dist/main.js', {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
      GEOIP_DB: path,
    })
    t.match({ code, stdout }, { code: 78, stdout: '' })
    t.match(stderr, /^worker: GEOIP_DB: .* it is cut off\n$/)
  })

  t.test('is read again within the hour, and never worse than before', async (t) => {
    await writeFile(path, writeMmdb({ '81.2.69.0/24': spain }))
    let now = Date.now()
    const places = openPlaces(path, log, () => now)
    const replace = async (file: string | Buffer) => {
      await writeFile(path, file)
      await utimes(path, now / 1000, now / 1000)
      now += 61 * minute
      await places.refresh()
    }
    await replace('half a file')
    t.match(places.locate('81.2.69.7'), { country: 'ES' })
    t.match(told.at(-1), { level: 'warn', path })
    await replace(writeMmdb({ '81.2.69.0/24': { country: { iso_code: 'PT' } } }))
    t.match(places.locate('81.2.69.7'), { country: 'PT' })
    await writeFile(path, 'half a file')
    await places.refresh()
    t.match(places.locate('81.2.69.7'), { country: 'PT' }, 'not before the hour is over')
    await rm(path)
    now += 61 * minute
    await places.refresh()
    t.match(places.locate('81.2.69.7'), { country: 'PT' })
  })
})
