// Attack: what a stolen api or worker connection could do. Every connection has the rights of its role, or there is no connection.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { connectForTest, timeRejection } from './support/database.js'

const { url, owner } = await createTestDatabase(t)
const session = 'SELECT session_user::text, current_user::text'

/** A user who may sign in, with the rights of `roles`. */
async function createUser(t: Test, ...roles: string[]): Promise<string> {
  const name = `latchkey_test_${randomBytes(6).toString('hex')}`
  await owner`CREATE ROLE ${owner(name)} LOGIN PASSWORD 'a password'`
  for (const role of roles) await owner`GRANT ${owner(role)} TO ${owner(name)}`
  t.teardown(() => owner`DROP ROLE ${owner(name)}`)
  const address = new URL(url)
  address.username = name
  address.password = 'a password'
  return address.href
}

t.test('an owner’s URL is brought down to the role, on every connection', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_api', max: 3 })
  const answers = await Promise.all(Array.from({ length: 9 }, () => sql.unsafe(`${session}, pg_sleep(0.01)`)))
  for (const [row] of answers)
    t.match(row, { currentUser: 'latchkey_api', sessionUser: new URL(url).username })
})

t.test('a user of the operator’s own works when it has the role', async (t) => {
  const sql = connectForTest(t, await createUser(t, 'latchkey_worker'), { role: 'latchkey_worker' })
  t.match((await sql.unsafe(session))[0], { currentUser: 'latchkey_worker' })
  await sql.end()
})

t.test('and is refused, saying so, when it has not', async (t) => {
  const sql = connectForTest(t, await createUser(t, 'latchkey_worker'), { role: 'latchkey_api' })
  const { error } = await timeRejection(sql`SELECT 1`)
  t.match(error, { code: 'CONNECT_FAILED', message: /role "latchkey_api"/ })
  await sql.end()
})

t.test('no role asked for is the user itself', async (t) => {
  const user = await createUser(t)
  const sql = connectForTest(t, user)
  const name = new URL(user).username
  t.match((await sql.unsafe(session))[0], { currentUser: name, sessionUser: name })
  await sql.end()
})

t.test(
  'a pooler that keeps the role to itself would make us the owner, so there is no connection',
  async (t) => {
    const pooler = createServer((near) => {
      const far = connect(Number(new URL(url).port), '127.0.0.1')
      near.once('data', (startup) => {
        far.write(startup.toString('latin1').replace('\0role\0', '\0no.r\0'), 'latin1')
        near.pipe(far).pipe(near)
      })
      for (const socket of [near, far]) socket.on('error', () => undefined)
    })
    await once(pooler.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => once(pooler.close(), 'close'))
    const address = new URL(url)
    address.port = String((pooler.address() as AddressInfo).port)
    const sql = connectForTest(t, address.href, { role: 'latchkey_api' })
    const { error } = await timeRejection(sql`SELECT 1`)
    t.match(error, { code: 'CONNECT_FAILED', message: /where latchkey_api was asked for/ })
  },
)
