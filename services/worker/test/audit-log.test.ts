/** What an operator has of the audit log: heads that were signed, a command that proves it, and months that go. */
// Alone: it starts servers and processes of its own.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { moveOutboxRows } from '@latchkey/platform/security-events/queries'
import { anchorAuditLog } from '@latchkey/worker/jobs/anchor-audit-log/anchor-audit-log'
import { applyRetention } from '@latchkey/worker/jobs/apply-retention/apply-retention'
import { renderProgress, renderVerification, usesColour } from '@latchkey/worker/commands/audit-log-output'
import { verifyLog } from '@latchkey/platform/audit-chain/verify-log'
import { someEvents } from './support/events.js'
import { createTestDeps } from './support/test-deps.js'
import { runProgram } from './support/worker-process.js'

const verification = 'dist/commands/verify-audit-log.js'
const folder = t.testdir({})
const auditAnchorFile = join(folder, 'anchors.jsonl')
const { deps, db, database, lines } = await createTestDeps(t, { auditAnchorFile })
const { sql } = deps
const env = { DATABASE_URL: database.url, AUTH_SECRET: 'the secret of this test, thirty-two bytes' }
const verify = (...args: string[]) => runProgram(t, verification, env, args)

t.test('a log that nothing was stored in', async (t) => {
  t.match(await verify(), { code: 0, stdout: 'The log is empty.\n', stderr: '' })
  await anchorAuditLog(deps)
  t.same(await db`SELECT FROM audit_anchors`, [])
})

t.test('heads are signed when there is news, once, and told to who can keep them', async (t) => {
  await persistSecurityEvents(sql, someEvents(5))
  await Promise.all([anchorAuditLog(deps), anchorAuditLog(deps)])
  const anchors = (await readFile(auditAnchorFile, 'utf8')).split('\n')
  t.equal(anchors.length, 2, 'one line')
  const anchor: unknown = JSON.parse(anchors[0] ?? '')
  t.match(anchor, { number: '1', lastSeq: '5', head: /^[\da-f]{64}$/, signature: String })
  t.match(
    lines.filter(({ msg }) => msg === 'audit log anchored'),
    [{ level: 'info', anchor }],
  )
  t.same(await db`SELECT type, data FROM outbox`, [{ type: 'audit.anchored', data: anchor }])

  await moveOutboxRows(sql, 10)
  await anchorAuditLog(deps)
  t.match(
    await db`SELECT count(*)::int AS anchors FROM audit_anchors`,
    [{ anchors: 1 }],
    'its own event is no news',
  )
  await persistSecurityEvents(sql, someEvents(1))
  await anchorAuditLog(deps)
  t.match(await db`SELECT number, last_seq FROM audit_anchors ORDER BY number`, [
    {},
    { number: 3n, lastSeq: 7n },
  ])
})

t.test('a file that cannot be written fails the task; the log is anchored all the same', async (t) => {
  await persistSecurityEvents(sql, someEvents(1))
  const config = { ...deps.config, auditAnchorFile: folder }
  await t.rejects(anchorAuditLog({ ...deps, config }), { code: 'EISDIR' })
  t.match(await db`SELECT count(*)::int AS anchors FROM audit_anchors`, [{ anchors: 3 }])
  await moveOutboxRows(sql, 10)
})

t.test('audit:verify says what it looked at, to people and to programs', async (t) => {
  const text = await verify()
  t.match(text, { code: 0, stderr: '' })
  t.match(text.stdout, /^✓ the log is what was stored\n {2}10 events in batches 1 to \d+, in [\d.]+ s/)
  const json = await verify('--json', '--anchors', auditAnchorFile)
  t.match(json, { code: 0, stderr: '' })
  t.match(JSON.parse(json.stdout), { ok: true, events: 10, findings: [], anchors: 5, pseudonymised: 0 })
})

t.test('audit:verify names what was changed, and fails', async (t) => {
  await db`UPDATE security_events SET ip = '198.51.100.1' WHERE seq = 3`
  const text = await verify()
  t.equal(text.code, 1)
  t.match(
    text.stdout,
    /^✗ the log was tampered with: 1 finding\n {2}changed {2}event 3 \(login.failed of \S+, \S+\) was changed\n/,
  )
  const json = await verify('--json')
  t.match(json, { code: 1 })
  t.match(JSON.parse(json.stdout), {
    ok: false,
    findingCount: 1,
    findings: [{ kind: 'changed', seq: 3, batch: 1 }],
  })
  await db`UPDATE security_events SET ip = '203.0.113.7' WHERE seq = 3`
  t.match(await verify(), { code: 0 })
})

t.test('audit:verify says in one line what it cannot work with', async (t) => {
  const badFile = join(folder, 'bad.jsonl')
  await writeFile(badFile, `${await readFile(auditAnchorFile, 'utf8')}{"number":"1"}\n`)
  const [noFile, noAnchor, noDays, unknown] = await Promise.all([
    verify('--anchors', join(folder, 'none')),
    verify('--anchors', badFile),
    verify('--max-delay-days', 'soon'),
    verify('--quickly'),
  ])
  t.match(noFile, { code: 64, stdout: '', stderr: /^audit:verify: \S+none cannot be read: ENOENT.*\n$/ })
  t.match(noAnchor, { code: 1, stdout: '', stderr: /^audit:verify: line 3 of \S+bad.jsonl is no anchor\n$/ })
  t.match(noDays, { code: 64, stdout: '', stderr: /^audit:verify: --max-delay-days must be/ })
  t.match(unknown, { code: 64, stdout: '', stderr: /^audit:verify: .*--quickly/ })
})

t.test('on a terminal there are colours, and how long it takes', async (t) => {
  t.ok(usesColour({ isTTY: true }, {}))
  t.notOk(usesColour({ isTTY: true }, { NO_COLOR: '1' }))
  t.notOk(usesColour({ isTTY: false }, {}))
  t.equal(
    renderProgress({ events: 2_000_000n, of: 10_000_000n, seconds: 20 }),
    '20 %, 2,000,000 events, 100,000 a second, 80 s left',
  )
  t.equal(renderProgress({ events: 0n, of: 0n, seconds: 0 }), '100 %, 0 events, 0 a second, 0 s left')
  const log = await verifyLog({ sql, keyring: deps.keyring })
  const options = { seconds: 1, isJson: false, isColoured: true }
  t.ok(renderVerification(log, options).startsWith('\u001B[32m✓'))
  const findings = [{ kind: 'missing', batch: 1n, seq: 2n, eventId: null, detail: 'gone' }] as const
  const dropped = { ...log, findings, findingCount: 2, droppedBefore: new Date('2025-11-01') }
  t.ok(renderVerification(dropped, options).startsWith('\u001B[31m✗ the log was tampered with: 2 findings'))
  t.match(renderVerification(dropped, options), 'what happened before 2025-11-01 was dropped')
})

t.test('months that are over go with what of the chain was theirs, by several workers at once', async (t) => {
  for (const days of [365, 330, 300])
    await db`SELECT create_security_events_partition(now() - make_interval(days => ${days}))`
  const partitions = () => db`SELECT FROM pg_inherits WHERE inhparent = 'security_events'::regclass`
  const before = (await partitions()).length
  const config = { ...deps.config, eventRetentionDays: 280 }
  const { signal } = new AbortController()
  await Promise.all([
    applyRetention({ ...deps, config }, signal),
    applyRetention({ ...deps, config }, signal),
  ])
  const dropped = lines.filter(({ msg }) => msg === 'partition of security_events dropped')
  t.ok(dropped.length >= 1)
  t.equal((await partitions()).length, before - dropped.length)
  const told =
    await db`SELECT data->>'partition' AS partition FROM outbox WHERE type = 'audit.partition_dropped'`
  t.same(
    told.map(({ partition }) => String(partition)).toSorted(),
    dropped.map(({ partition }) => String(partition)).toSorted(),
  )

  // As if the first batches had been of those months.
  await db`UPDATE audit_chain SET kept_from = 3`
  await applyRetention(deps, signal)
  t.match(await db`SELECT min(number) AS number FROM audit_batches`, [{ number: 3n }])
  t.match(await db`SELECT min(number) AS number FROM audit_anchors`, [{ number: 3n }])
})
