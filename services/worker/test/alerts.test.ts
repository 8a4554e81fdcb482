// Attack: one that goes on for days, comes from thousands of places, or is meant to bury its own alert under others and under mail.
import t from 'tap'
import type { AlertAction } from '@latchkey/contracts/alerts'
import { waitFor } from '@latchkey/devstack/wait-for'
import { accountSubject } from '@latchkey/platform/accounts/guess-subject'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { cleanAlerts } from '@latchkey/worker/alerts/clean-alerts'
import { raiseAlert } from '@latchkey/worker/alerts/raise-alert'
import { tellOperators } from '@latchkey/worker/alerts/tell-operators'
import { alertOf, at, deliver, depsWith, eventsAbout, incidentOf, raise } from './support/alerts.js'
import { startMailServer } from './support/mail-server.js'
import { insertSessions, insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'

const server = await startMailServer(t)
const world = await createTestDeps(t, {
  mailUrl: { host: 'localhost', port: server.port, tls: 'off', login: null },
  mailFrom: { name: 'Latchkey', address: 'no-reply@example.com' },
  alertMailTo: ['ops@example.com', 'night@example.com', 'ops@example.com'],
})
const { db } = world
await waitFor(() => world.deps.redis.isAvailable(), { what: 'Redis' })

const depsFor = (actions: Parameters<typeof depsWith>[1]) => depsWith(world.deps, actions)
const acknowledge = (id: string) =>
  db`UPDATE alerts SET acknowledged_at = now(), acknowledged_by = ${newId()} WHERE id = ${id}`

t.test('an attack that goes on is one alert and one event, and its story is bounded', async (t) => {
  const incident = incidentOf({ eventIds: Array.from({ length: 40 }, newId), count: 40 })
  const first = await raise(world.deps, incident)
  t.match(first, { rule: 'brute-force', isNewIncident: true })
  const more = Array.from({ length: 40 }, newId)
  const second = await raise(world.deps, {
    ...incident,
    eventIds: [...incident.eventIds.slice(0, 5), ...more],
    count: 1000,
    lastAt: at(14),
  })
  t.same(second, { ...first, isNewIncident: false })
  t.match(await alertOf(db, first.id), {
    incidents: 1,
    eventCount: 1040n,
    eventIds: [...incident.eventIds, ...more.slice(0, 10)],
    firstAt: new Date(at(0)),
    lastAt: new Date(at(14)),
    severity: 'warning',
    userId: null,
    ip: '203.0.113.7',
  })
  t.same(await eventsAbout(db, first.id), [
    {
      type: 'alert.raised',
      severity: 'warning',
      userId: null,
      ip: '203.0.113.7',
      data: {
        alertId: first.id,
        rule: 'brute-force',
        subject: incident.subject,
        incident: 1,
        count: 40,
        actions: ['mail_operators'],
        details: incident.data,
      },
    },
  ])
  const { isNewIncident } = await raise(world.deps, incidentOf())
  t.ok(isNewIncident, 'another subject is another alert')
})

t.test('after a quiet time it is told of again: in the open alert, or in a new one', async (t) => {
  const incident = incidentOf()
  const { id } = await raise(world.deps, incident)
  t.match(await raise(world.deps, { ...incident, firstAt: at(15), lastAt: at(15) }), {
    id,
    isNewIncident: false,
  })
  t.match(await raise(world.deps, { ...incident, firstAt: at(31), lastAt: at(31) }), {
    id,
    isNewIncident: true,
  })
  t.match(await alertOf(db, id), { incidents: 2, eventCount: 3n })
  t.equal((await eventsAbout(db, id)).length, 2)

  await acknowledge(id)
  t.match(
    await raise(world.deps, { ...incident, firstAt: at(40), lastAt: at(40) }),
    { id, isNewIncident: false },
    'what was acknowledged goes on',
  )
  const next = await raise(world.deps, { ...incident, firstAt: at(60), lastAt: at(60) })
  t.ok(next.isNewIncident)
  t.not(next.id, id)
  t.match(await alertOf(db, next.id), { incidents: 1, acknowledgedAt: null })
})

t.test('twenty who find the same at once raise one alert', async (t) => {
  const incident = incidentOf()
  const raised = await Promise.all(Array.from({ length: 20 }, () => raise(world.deps, incident)))
  t.equal(new Set(raised.map(({ id }) => id)).size, 1)
  t.equal(raised.filter(({ isNewIncident }) => isNewIncident).length, 1)
  t.match(await alertOf(db, raised[0]?.id ?? ''), { eventCount: 20n, incidents: 1 })
})

t.test('sessions are ended with the alert, or neither is there', async (t) => {
  const deps = depsFor({ 'refresh-reuse': ['end_sessions'] })
  const userId = await insertUser(db)
  const bystander = await insertUser(db)
  const mine = await insertSessions(db, userId, {}, 3)
  await insertSessions(db, userId, { idle: -1 })
  await insertSessions(db, bystander)
  await db`
    INSERT INTO sign_in_challenges (token_hash, user_id, amr, expires_at)
    VALUES (sha256('one'), ${userId}, '{pwd}', now() + interval '5 minutes')`
  const incident = incidentOf({ rule: 'refresh-reuse', userId, severity: 'critical' })

  await t.rejects(
    deps.sql.begin(async (sql) => {
      await raiseAlert(sql, deps, incident)
      throw new Error('the worker dies')
    }),
    { message: 'the worker dies' },
  )
  const live = (whose = userId) =>
    db`SELECT id FROM sessions WHERE revoked_at IS NULL AND idle_expires_at > now() AND user_id = ${whose}`
  t.equal((await live()).length, 3)
  t.same(await db`SELECT FROM alerts WHERE user_id = ${userId}`, [])

  const raised = await raise(deps, incident)
  t.same(raised.endedSessionIds.toSorted(), mine.toSorted())
  t.same(await live(), [])
  t.same(await db`SELECT FROM sign_in_challenges WHERE user_id = ${userId}`, [])
  t.equal((await live(bystander)).length, 1)
  for (const id of mine) t.equal(await deps.revocations.check(id, 1), 'revoked')
  t.match(await alertOf(db, raised.id), { actions: ['mail_owner', 'end_sessions'] })
  const events = await eventsAbout(db, raised.id)
  t.same(
    events.map(({ type }) => type),
    ['alert.raised', ...mine.map(() => 'session.revoked')],
  )
  t.match(events[1], { severity: 'info', userId, data: { reason: 'alert' } })

  const [later = ''] = await insertSessions(db, userId)
  await raise(deps, { ...incident, lastAt: at(1) })
  t.same(await live(), [{ id: later }], 'once an incident')
})

t.test('a lock is the next lockout, and no shorter one takes the place of a longer', async (t) => {
  const deps = depsFor({ 'brute-force': ['lock'] })
  const { lockoutAfter, lockoutDurationSeconds, lockoutMaxSeconds } = deps.config
  const userId = await insertUser(db)
  const subject = accountSubject(deps.keyring.current, `${userId}@EXAMPLE.com`)
  const take = async () => {
    const [row] = await db<{ isLocked: boolean; waitSeconds: number | null }[]>`
      SELECT * FROM take_guess(${subject}, ${lockoutAfter}, ${lockoutDurationSeconds}, ${lockoutMaxSeconds})`
    return row
  }
  const counter = () => db`SELECT attempts FROM guess_counters WHERE subject = ${subject}`
  t.match(await take(), { isLocked: false })
  await raise(deps, incidentOf({ userId }))
  t.match(await take(), { isLocked: true })
  t.same(await counter(), [{ attempts: lockoutAfter }])

  await raise(deps, incidentOf({ userId, subject: 'other' }))
  t.same(await counter(), [{ attempts: lockoutAfter }], 'one that is under way is left as it is')

  await db`UPDATE guess_counters SET open_at = now() - interval '1 second' WHERE subject = ${subject}`
  await raise(deps, incidentOf({ userId, subject: 'third' }))
  t.same(await counter(), [{ attempts: 2 * lockoutAfter }])
  t.ok(((await take())?.waitSeconds ?? 0) > 1.9 * lockoutDurationSeconds)

  await db`UPDATE guess_counters SET open_at = now() - make_interval(secs => ${lockoutMaxSeconds + 60}) WHERE subject = ${subject}`
  await raise(deps, incidentOf({ userId, subject: 'fourth' }))
  t.same(await counter(), [{ attempts: lockoutAfter }], 'what was forgotten does not count')
})

t.test('more proof than a password: sessions that it alone has opened end, others stay', async (t) => {
  const deps = depsFor({ 'failures-then-success': ['require_second_factor'] })
  const userId = await insertUser(db)
  const [byPassword = ''] = await insertSessions(db, userId)
  const [byFactor = '', byLink = ''] = await insertSessions(db, userId, {}, 2)
  await db`UPDATE sessions SET aal = 2, amr = '{pwd,otp,mfa}' WHERE id = ${byFactor}`
  await db`UPDATE sessions SET amr = '{mail}' WHERE id = ${byLink}`
  const raised = await raise(deps, incidentOf({ rule: 'failures-then-success', userId }))
  t.same(raised.endedSessionIds, [byPassword])
  t.same(
    await db`SELECT mfa_required_at > now() - interval '1 minute' AS is_required FROM users WHERE id = ${userId}`,
    [{ isRequired: true }],
  )
  t.match(await alertOf(db, raised.id), { actions: ['mail_owner', 'require_second_factor'] })
})

t.test('where there is no account, or none any more, there is nothing to do', async (t) => {
  const all: AlertAction[] = ['mail_owner', 'require_second_factor', 'end_sessions', 'lock']
  const deps = depsFor({ 'brute-force': all })
  for (const userId of [null, newId()]) {
    const raised = await raise(deps, incidentOf({ userId, subject: newId() }))
    t.same(raised.endedSessionIds, [])
    t.match(await alertOf(db, raised.id), { actions: [] })
  }
})

t.test('the owner reads what happened, what was done and what to do', async (t) => {
  const deps = depsFor({
    'impossible-travel': ['mail_owner', 'end_sessions', 'lock', 'require_second_factor'],
  })
  const userId = await insertUser(db)
  await raise(deps, incidentOf({ rule: 'impossible-travel', userId }))
  server.mails.length = 0
  await deliver(world.deps)
  const [own, ...others] = server.mails.filter(({ to }) => to.includes(`${userId}@example.com`))
  t.same(others, [])
  for (const body of [own?.text ?? '', own?.html ?? '']) {
    const text = body.replaceAll(/\s+/g, ' ')
    for (const told of [
      'two places',
      '203.0.113.7',
      'signed out',
      'no sign-ins but',
      'password alone',
      'If it was not',
    ])
      t.match(text, told)
  }
})

t.test('operators: the first alerts of a rule at once, ten thousand in one mail later', async (t) => {
  await db`UPDATE alerts SET operators_due_at = NULL`
  const deps = world.deps
  const mailsTo = (address: string) => server.mails.filter(({ to }) => to.includes(address))
  const turn = async () => {
    server.mails.length = 0
    await tellOperators(deps)
    await tellOperators(deps)
    await deliver(world.deps)
  }
  const userId = await insertUser(db)
  for (const name of ['first', 'second', 'third']) {
    await raise(world.deps, incidentOf({ rule: 'mfa-fatigue', subject: name, userId, count: 12 }))
    await turn()
    for (const address of ['ops@example.com', 'night@example.com'])
      t.equal(mailsTo(address).length, 1, `${name} ${address}`)
  }
  const [mail] = mailsTo('ops@example.com')
  t.match(mail?.headers.get('subject'), [/alert mfa-fatigue$/])
  for (const told of [userId, '203.0.113.7', '12 events', 'done: mail_owner']) t.match(mail?.text, told)
  t.notMatch(mail?.text, 'more')

  await deps.sql.begin(async (sql) => {
    for (let index = 0; index < 40; index += 1)
      await raiseAlert(sql, deps, incidentOf({ rule: 'mfa-fatigue', subject: `flood ${index}` }))
  })
  await turn()
  t.same(server.mails, [], 'three in ten minutes are enough')
  await raise(world.deps, incidentOf({ rule: 'export-burst' }))
  await turn()
  t.equal(mailsTo('ops@example.com').length, 1, 'a flood of one rule does not keep back another')

  await db`UPDATE alerts SET operators_told_at = operators_told_at - interval '10 minutes'`
  await turn()
  const [digest, ...others] = mailsTo('ops@example.com')
  t.same(others, [])
  t.match(digest?.headers.get('subject'), [/alert mfa-fatigue, and 30 more$/])
  t.equal(digest?.text.split('alert 0').length, 11)
})

t.test('an alert goes when the last of its events does, seen to or not', async (t) => {
  const days = world.deps.config.eventRetentionDays
  const insert = (age: number) => db`
    INSERT INTO alerts (rule, subject, severity, event_count, event_ids, first_at, last_at)
    SELECT 'brute-force', 'of ' || ${age}::int || ' days, ' || n, 'warning', 2, '{}', now() - make_interval(days => ${days} * 2),
      now() - make_interval(days => ${age})
    FROM generate_series(1, 1001) AS n`
  await insert(days - 1)
  await insert(days + 1)
  await cleanAlerts(world.deps, new AbortController().signal)
  t.same(
    await db`SELECT DISTINCT left(subject, 11) AS subject, count(*)::int FROM alerts WHERE subject LIKE 'of %' GROUP BY 1`,
    [{ subject: `of ${days - 1} days`, count: 1001 }],
  )
})

t.test('alerts are in the metrics, each incident once', async (t) => {
  const counted = async () =>
    /security_alerts_total\{rule="privilege-change"\} \d+/.exec(
      await world.deps.metrics.registry.metrics(),
    )?.[0]
  t.match(await counted(), / 0$/)
  const incident = incidentOf({ rule: 'privilege-change' })
  for (let time = 0; time < 2; time += 1) await raise(world.deps, incident)
  t.match(await counted(), / 1$/)
})
