// Corners of the table that no client of ours reaches: they must be decided all the same, and on the safe side.
import t from 'tap'
import { decideRefresh, type SeenSession } from '@latchkey/auth-api/features/sessions/decide-refresh'
import { fingerprintOf } from '@latchkey/auth-api/features/sessions/fingerprint'
import { hashRetryKey } from '@latchkey/auth-api/features/sessions/retry-keys'
import { decodeRefreshToken } from '@latchkey/auth-api/features/sessions/refresh-token'
import { openSession } from '@latchkey/auth-api/features/sessions/open-session'
import { rotateRefreshToken } from '@latchkey/auth-api/features/sessions/rotate-refresh-token'
import { atHome, outboxTypes, register, storedSession } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db, deps } = await createTestApp(t)
const origin = { ...atHome, requestId: 'corner', traceId: null }
const windows = { refreshGraceSeconds: 10, refreshRecoverySeconds: 300 }
const seen: SeenSession = {
  generation: 5n,
  isAlive: true,
  rotatedAgeSeconds: 60,
  retryKeys: Buffer.alloc(32),
  rotatedBy: null,
}
const parent = { generation: 4n, retryKey: null, fingerprint: fingerprintOf(atHome) }

t.test('who rotated is unknown: nobody is taken for the same device', async (t) => {
  t.equal(decideRefresh(seen, parent, windows), 'reused')
  t.same(decideRefresh({ ...seen, rotatedBy: fingerprintOf(atHome) }, parent, windows), {
    unlessConfirmed: 'recovery',
    otherwise: 'superseded',
  })
})

t.test('a token far behind is theft, however its key', async (t) => {
  const key = hashRetryKey('k')
  t.equal(decideRefresh(seen, { ...parent, generation: 1n, retryKey: key }, windows), 'reused')
})

t.test('two Idempotency-Keys are none that can be kept', async (t) => {
  t.throws(() => hashRetryKey(['one', 'two']), { code: 'validation_failed' })
})

t.test('a row that never holds still is a busy store, never a lost session', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  // Each update of the row finds that another was first.
  await db`CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`
  await db`CREATE TRIGGER overtake BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION overtake()`
  t.teardown(() => db`DROP TRIGGER IF EXISTS overtake ON sessions`)
  const present = () => rotateRefreshToken(deps, { refreshToken, idempotencyKey: undefined, origin })
  const setGeneration = async (generation: number) => {
    await db`ALTER TABLE sessions DISABLE TRIGGER overtake`
    await db`UPDATE sessions SET generation = ${generation}, rotated_at = now() - interval '1 hour' WHERE id = ${sessionId}`
    await db`ALTER TABLE sessions ENABLE TRIGGER overtake`
  }
  t.equal(decodeRefreshToken(deps.keyring, refreshToken)?.generation, 1n)
  await t.rejects(present(), { code: 'unavailable', retryAfterSeconds: 1 }, 'to be rotated')
  await setGeneration(3)
  await t.rejects(present(), { code: 'unavailable' }, 'to be ended')
  t.equal((await storedSession(db, sessionId)).revokedAt, null)
  t.notOk((await outboxTypes(db, sessionId)).includes('session.reuse_detected'))
  await db`DROP TRIGGER overtake ON sessions`
  t.match(await present(), { outcome: 'reused' }, 'when it holds still, it is decided')
})

t.test('no session opens for a password that was changed while it was checked', async (t) => {
  const { user } = await register(app)
  const input = { userId: user.id, passwordHash: 'the one before', amr: ['pwd'], deviceName: null, origin }
  t.equal(await openSession(db, deps, input), null)
  t.equal(
    (await db`SELECT FROM sessions WHERE user_id = ${user.id}`).length,
    1,
    'the one of the registration',
  )
})

t.test('with REFRESH_DURABILITY=sync a rotation is on disk before it is answered', async (t) => {
  const wary = { ...deps, config: { ...deps.config, refreshDurability: 'sync' as const } }
  const { refreshToken } = await register(app)
  const [before] = await db`SELECT pg_current_wal_insert_lsn()::text AS lsn`
  t.match(await rotateRefreshToken(wary, { refreshToken, idempotencyKey: undefined, origin }), {
    outcome: 'rotated',
  })
  const [after] =
    await db`SELECT pg_current_wal_flush_lsn() > ${String(before?.['lsn'])}::pg_lsn AS is_flushed`
  t.match(after, { isFlushed: true })
})
