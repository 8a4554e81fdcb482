// The attack: a user agent, name or address that PostgreSQL refuses, so that the batch it travels in is never stored and the
// events beside it, the attacker's own traces among them, are lost.
// Alone: it starts servers and processes of its own.
import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import { securityEventTypes, type SecurityEvent } from '@latchkey/contracts/events'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { insertOutboxEvents } from '@latchkey/platform/security-events/outbox'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { connectTestDatabase } from './support/pipeline.js'

const sessionId = '01890a5d-ac96-774b-bcce-b302099a8057'

t.test('an event has the severity of its type unless its writer says otherwise', async (t) => {
  t.equal(
    newSecurityEvent('session.reuse_detected', {}).severity,
    securityEventTypes['session.reuse_detected'],
  )
  t.equal(newSecurityEvent('login.failed', {}, 'critical').severity, 'critical')
})

t.test('what a field cannot hold becomes null, is cut or is replaced', async (t) => {
  t.match(
    newSecurityEvent('login.failed', {
      ip: 'unix:/run/api.sock',
      userId: 'nobody',
      sessionId,
      userAgent: `a\0b\ud800${'x'.repeat(600)}`,
      requestId: 'r'.repeat(200),
    }),
    {
      ip: null,
      userId: null,
      sessionId,
      userAgent: `a\ufffdb\ufffd${'x'.repeat(508)}`,
      requestId: 'r'.repeat(128),
      traceId: null,
      data: {},
    },
  )
  t.equal(newSecurityEvent('login.failed', { ip: 'fe80::1%eth0' }).ip, 'fe80::1')
  t.equal(newSecurityEvent('login.failed', { ip: '::ffff:192.0.2.1' }).ip, '::ffff:192.0.2.1')
})

t.test('an emoji cut in two leaves no half behind', async (t) => {
  const { userAgent } = newSecurityEvent('login.failed', { userAgent: `${'x'.repeat(511)}😀` })
  t.equal(userAgent, `${'x'.repeat(511)}\ufffd`)
})

t.test('data keeps its shape, as far as JSON and jsonb can hold it', async (t) => {
  const deep: Record<string, unknown> = {}
  deep['deep'] = deep
  const { data } = newSecurityEvent('login.failed', {
    data: {
      'k\0': 'v\0',
      big: 2n ** 70n,
      at: new Date(0),
      never: new Date(NaN),
      list: [{ s: '\udc00' }],
      deep,
    },
  })
  t.match(data, {
    'k\ufffd': 'v\ufffd',
    big: '1180591620717411303424',
    at: '1970-01-01T00:00:00.000Z',
    never: null,
    list: [{ s: '\ufffd' }],
  })
  t.doesNotThrow(() => JSON.stringify(data), 'a circle ends')
})

t.test('whatever a stranger sends can be stored, in the outbox and in the table', async (t) => {
  const { sql, owner } = await startWorld(t)
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const anyText = fc.oneof(text, fc.constantFrom('\0', '\ud800', '\udfff\ud800', '\\u0000', '"\u2028'))
  const arbitrary = fc.array(
    fc
      .record({
        ip: fc.oneof(anyText, fc.ipV4(), fc.ipV6()),
        userAgent: anyText,
        requestId: anyText,
        userId: anyText,
      })
      .chain((fields) =>
        fc
          .dictionary(
            anyText,
            fc.anything({ values: [anyText, fc.double(), fc.bigInt(), fc.constant(null)] }),
          )
          .map((data) => newSecurityEvent('login.failed', { ...fields, data })),
      ),
    { minLength: 1, maxLength: 20 },
  )
  await fc.assert(
    fc.asyncProperty(arbitrary, async (events) => {
      await insertOutboxEvents(owner, events)
      const { stored, refused } = await persistSecurityEvents(sql, events)
      return refused.length === 0 && stored.reduce((sum, { count }) => sum + count, 0) === events.length
    }),
    { numRuns: 30 },
  )
  t.equal(await countRows(owner, 'outbox'), 0)
})

t.test('an event that PostgreSQL refuses stands alone in the end, and the others are stored', async (t) => {
  const { sql, owner } = await startWorld(t)
  const events = Array.from({ length: 100 }, () => newSecurityEvent('login.failed', {}))
  const poisoned: SecurityEvent[] = events.map((event, index) =>
    index === 13 ? { ...event, ip: 'here' } : index === 77 ? { ...event, userAgent: '\0' } : event,
  )
  const { stored, refused } = await persistSecurityEvents(sql, poisoned)
  t.strictSame(new Set(refused.map(({ item }) => item.id)), new Set([events[13]?.id, events[77]?.id]))
  t.equal(
    stored.reduce((sum, { count }) => sum + count, 0),
    98,
  )
  t.equal(await countRows(owner, 'security_events'), 98)
})

t.test('a database that is away is not taken for a refusal', async (t) => {
  const { sql } = await startWorld(t)
  await sql.end()
  await t.rejects(persistSecurityEvents(sql, [newSecurityEvent('login.failed', {})]))
})

async function startWorld(t: Test) {
  const database = await createTestDatabase(t)
  return { sql: connectTestDatabase(t, database.url, 'latchkey_worker'), owner: database.owner }
}

async function countRows(
  sql: Awaited<ReturnType<typeof startWorld>>['owner'],
  table: string,
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM ${sql(table)}`
  return row?.count ?? 0
}
