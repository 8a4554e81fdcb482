// Attacks: a link that is guessed, forged, respelled, made for something else, used twice, used by several at once, or used late.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { oneTimePurposes, type OneTimePurpose } from '@latchkey/contracts/one-time-tokens'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import {
  decodeOneTimeToken,
  encodeOneTimeToken,
  newOneTimeToken,
  recoverOneTimeToken,
} from '@latchkey/platform/one-time-tokens/one-time-token'
import {
  consumeOneTimeToken,
  discardOneTimeTokens,
  issueOneTimeToken,
} from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { deleteOneTimeTokens } from '@latchkey/platform/one-time-tokens/queries'
import { createHash } from 'node:crypto'
import t from 'tap'
import { connectForTest } from './support/database.js'

const { url, owner } = await createTestDatabase(t)
const sql = connectForTest(t, url, { role: 'latchkey_api' })
const keyring = createKeyring('the secret of this test, long enough', null)
const deps = { keyring }
const email = 'ada@example.com'

async function newUser(): Promise<string> {
  const id = newId()
  await owner`INSERT INTO users (id, email) VALUES (${id}, ${`${id}@example.com`})`
  await owner`INSERT INTO credentials (user_id, password_hash) VALUES (${id}, 'a hash')`
  return id
}

const tokenOf = (purpose: OneTimePurpose, id: string) => encodeOneTimeToken(keyring.current, { purpose, id })

async function issue(purpose: OneTimePurpose, userId: string): Promise<string> {
  return tokenOf(purpose, await issueOneTimeToken(sql, deps, { purpose, userId, email }))
}

const consume = (purpose: OneTimePurpose, token: string) => consumeOneTimeToken(sql, deps, { purpose, token })

t.test('a token is taken once, for its purpose, and tells whose it is and where it went', async (t) => {
  const userId = await newUser()
  const id = await issueOneTimeToken(sql, deps, { purpose: 'verify_email', userId, email })
  const token = tokenOf('verify_email', id)
  t.match(token, /^lkl_[\w-]{66}$/)
  for (const purpose of Object.keys(oneTimePurposes) as OneTimePurpose[])
    if (purpose !== 'verify_email') t.equal(await consume(purpose, token), null, purpose)
  t.match(await consume('verify_email', token), { id, userId, email, createdAt: String })
  t.equal(await consume('verify_email', token), null)
})

t.test('of fifty at once one takes it', async (t) => {
  const token = await issue('reset_password', await newUser())
  const taken = await Promise.all(Array.from({ length: 50 }, () => consume('reset_password', token)))
  t.equal(taken.filter((one) => one !== null).length, 1)
})

t.test('the newest replaces the one before, but for links that undo a change of address', async (t) => {
  const userId = await newUser()
  const [first, second] = [await issue('magic_link', userId), await issue('magic_link', userId)]
  const reset = await issue('reset_password', userId)
  t.equal(await consume('magic_link', first), null)
  t.not(await consume('magic_link', second), null)
  t.not(await consume('reset_password', reset), null, 'another purpose is left alone')
  const undos = [await issue('undo_email_change', userId), await issue('undo_email_change', userId)]
  for (const undo of undos) t.not(await consume('undo_email_change', undo), null)
})

t.test('of many asked for at once one is good', async (t) => {
  const userId = await newUser()
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issue('magic_link', userId)))
  const taken = await Promise.all(tokens.map((token) => consume('magic_link', token)))
  t.equal(taken.filter((one) => one !== null).length, 1)
})

t.test('what is discarded is dead, and an undo outlives all but an older undo', async (t) => {
  const userId = await newUser()
  const oldest = await issue('undo_email_change', userId)
  const middle = await issue('undo_email_change', userId)
  const newest = await issue('undo_email_change', userId)
  await owner`
    UPDATE one_time_tokens SET created_at = '2026-01-01T00:00:00.0005Z'::timestamptz + age * interval '1 microsecond'
    FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS age FROM one_time_tokens WHERE user_id = ${userId}) AS aged
    WHERE one_time_tokens.id = aged.id`
  const reset = await issue('reset_password', userId)
  await discardOneTimeTokens(sql, userId)
  t.equal(await consume('reset_password', reset), null)
  const used = await consume('undo_email_change', middle)
  await deleteOneTimeTokens(sql, { userId, undoSince: used?.createdAt ?? null })
  t.equal(await consume('undo_email_change', newest), null)
  t.not(await consume('undo_email_change', oldest), null)
})

t.test('a token that has expired, or whose user is disabled or gone, is good for nothing', async (t) => {
  const [expired, disabled, gone] = [await newUser(), await newUser(), await newUser()]
  const tokens = [expired, disabled, gone].map((userId) => issue('reset_password', userId))
  await owner`UPDATE one_time_tokens SET expires_at = now() WHERE user_id = ${expired}`
  await owner`UPDATE users SET disabled_at = now() WHERE id = ${disabled}`
  for (const token of tokens) await token
  await owner`UPDATE one_time_tokens SET expires_at = now() WHERE user_id = ${expired}`
  await owner`DELETE FROM users WHERE id = ${gone}`
  for (const token of tokens) t.equal(await consume('reset_password', await token), null)
})

t.test('what fails after a token was taken leaves it whole', async (t) => {
  const token = await issue('reset_password', await newUser())
  await t.rejects(
    sql.begin(async (inner) => {
      t.not(await consumeOneTimeToken(inner, deps, { purpose: 'reset_password', token }), null)
      throw new Error('no good password')
    }),
    { message: 'no good password' },
  )
  t.not(await consume('reset_password', token), null)
})

t.test('nothing that we did not issue reaches the database', async (t) => {
  const id = newId()
  const token = tokenOf('magic_link', id)
  const flip = (index: number) =>
    `${token.slice(0, index)}${token[index] === 'A' ? 'B' : 'A'}${token.slice(index + 1)}`
  const decode = (text: string) => decodeOneTimeToken(keyring, 'magic_link', text)
  t.match(decode(token), { id, purpose: 'magic_link', hash: createHash('sha256').update(token).digest() })
  for (let index = 4; index < token.length; index += 1) t.equal(decode(flip(index)), null, String(index))
  for (const text of [
    '',
    'lkl_',
    `${token}A`,
    token.slice(0, -1),
    ` ${token}`,
    token.replace('lkl_', 'lk1.'),
  ])
    t.equal(decode(text), null)
  const stranger = createKeyring('another secret that is long enough', null)
  t.equal(decodeOneTimeToken(stranger, 'magic_link', token), null)
  t.equal(decodeOneTimeToken(keyring, 'reset_password', token), null)
})

t.test(
  'a change of AUTH_SECRET ends no link, and a mail that is tried again shows the same one',
  async (t) => {
    const changed = createKeyring(
      'the next secret, which is long enough',
      'the secret of this test, long enough',
    )
    const token = newOneTimeToken(keyring, 'verify_email')
    const link = recoverOneTimeToken(keyring, token)
    t.equal(link, tokenOf('verify_email', token.id))
    t.equal(recoverOneTimeToken(changed, token), link)
    t.same(decodeOneTimeToken(changed, 'verify_email', link ?? ''), token)
    const later = createKeyring(
      'a secret after the next, long enough',
      'the next secret, which is long enough',
    )
    t.equal(recoverOneTimeToken(later, token), null)
  },
)

t.test('the row of a token is worth nothing', async (t) => {
  const token = await issue('reset_password', await newUser())
  const [{ row } = { row: '' }] = await owner<{ row: string }[]>`
    SELECT to_jsonb(t)::text AS row FROM one_time_tokens t ORDER BY created_at DESC LIMIT 1`
  t.notMatch(row, token.slice(4))
  t.notMatch(row, Buffer.from(token.slice(4), 'base64url').toString('hex', 17))
})

t.test('a link that is used waits for the sign-in that was first, and no two wait in a circle', async (t) => {
  const userId = await newUser()
  const token = await issue('reset_password', userId)
  let waiting: Promise<unknown> = Promise.resolve()
  await sql.begin(async (inner) => {
    await inner`SELECT FROM credentials WHERE user_id = ${userId} FOR SHARE`
    waiting = consume('reset_password', token).then((taken) => t.not(taken, null))
    await inner`UPDATE users SET last_login_at = now() WHERE id = ${userId}`
  })
  await waiting
})
