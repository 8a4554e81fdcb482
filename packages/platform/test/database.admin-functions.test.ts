// Attack: whoever gets hold of the api's connection wants to act as an admin, by a session that is none, or has ended.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { codeOf, connectForTest } from './support/database.js'

const { url, owner } = await createTestDatabase(t)
const userId = newId()
const sessionId = newId()
await owner`INSERT INTO users (id, email) VALUES (${userId}, 'victim@example.com')`
await owner`
  INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at)
  VALUES (${sessionId}, ${userId}, now() + interval '1 hour', now() + interval '1 hour')`

t.test('the functions for admins serve a live session of an enabled admin, and tell of it', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_api' })
  const admin = newId()
  const session = newId()
  await owner`INSERT INTO users (id, email, roles) VALUES (${admin}, 'admin@example.com', '{user,admin}')`
  await owner`
    INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at)
    VALUES (${session}, ${admin}, now() + interval '1 hour', now() + interval '1 hour')`
  const origin = `'203.0.113.7'::inet, 'Browser', 'r1'`
  const calls = (by: string) => [
    `SELECT change_user_roles('${by}', '${userId}', '{user,teacher}', ${origin})`,
    `SELECT change_user_status('${by}', '${userId}', false, ${origin})`,
    `SELECT change_email_verified('${by}', '${userId}', true, ${origin})`,
    `SELECT create_service_client('${by}', '${newId()}', 'mine', sha256('mine'), NULL, '{token}', ${origin})`,
    `SELECT replace_client_secret('${by}', '${newId()}', sha256('mine'), 0, ${origin})`,
    `SELECT disable_service_client('${by}', '${newId()}', ${origin})`,
  ]
  await owner`UPDATE users SET email_verified_at = NULL WHERE id = ${userId}`
  const refused = 'LK001'
  // Of somebody else, ended, of nobody.
  for (const by of [sessionId, newId()])
    for (const call of calls(by)) t.equal(await codeOf(sql.unsafe(call)), refused, call)
  for (const [change, back] of [
    [
      `UPDATE users SET roles = '{user,auditor}' WHERE id = '${admin}'`,
      `UPDATE users SET roles = '{admin}' WHERE id = '${admin}'`,
    ],
    [
      `UPDATE users SET disabled_at = now() WHERE id = '${admin}'`,
      `UPDATE users SET disabled_at = NULL WHERE id = '${admin}'`,
    ],
    [
      `UPDATE sessions SET idle_expires_at = now() WHERE id = '${session}'`,
      `UPDATE sessions SET idle_expires_at = now() + interval '1 hour' WHERE id = '${session}'`,
    ],
  ] as const) {
    await owner.unsafe(change)
    for (const call of calls(session)) t.equal(await codeOf(sql.unsafe(call)), refused, `${change}: ${call}`)
    await owner.unsafe(back)
  }
  t.equal(
    await codeOf(sql.unsafe(`SELECT change_user_roles('${session}', '${admin}', '{user}', ${origin})`)),
    'LK002',
    'nobody does it to themselves',
  )
  t.equal(await codeOf(sql.unsafe(`SELECT assert_not_last_admin('${admin}')`)), 'LK003')
  for (const call of calls(session)) await t.resolves(Promise.resolve(sql.unsafe(call)), call)
  const told = await owner<
    { type: string }[]
  >`SELECT type FROM outbox WHERE actor_id = ${admin} ORDER BY occurred_at`
  t.same(
    told.map(({ type }) => type),
    ['roles.changed', 'user.disabled', 'email.verified', 'client.created'],
    'each change that was one',
  )
  const tooMany = Array.from({ length: 17 }, (_, index) => `role${index}`).join(',')
  for (const wanted of ['Admin', '"a b"', '"a\nb"', 'NULL', '""', 'a,"b "', tooMany])
    t.equal(
      await codeOf(owner`UPDATE users SET roles = ${`{${wanted}}`}::text::text[] WHERE id = ${userId}`),
      '23514',
      wanted,
    )
  await owner`UPDATE users SET roles = '{}' WHERE id = ${userId}`
})
