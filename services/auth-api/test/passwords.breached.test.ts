// Attacks: trying the passwords of other services' breaches. And an outage, or a liar, in the look-up that should prevent it.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { assertGoodPassword } from '@latchkey/auth-api/features/passwords/assert-good-password'
import { createBreachedPasswords } from '@latchkey/auth-api/features/passwords/breached-passwords'
import { loadConfig } from '@latchkey/platform/config/config'
import { createLogger } from '@latchkey/platform/logging/logger'
import t, { type Test } from 'tap'

const phrase = 'violet kettle orbits slowly'
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex').toUpperCase()
const suffix = sha1(phrase).slice(5)
const others = Array.from({ length: 800 }, (_, index) => `${sha1(String(index)).slice(5)}:${index + 1}`)

type Answer = (request: IncomingMessage, reply: ServerResponse) => void
let answer: Answer = () => undefined
const asked: IncomingMessage[] = []
const server = createServer((request, reply) => {
  asked.push(request)
  answer(request, reply)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`

const say =
  (text: string, status = 200): Answer =>
  (_, reply) =>
    void reply.writeHead(status).end(text)

/** A look-up of its own, what it logged, and a clock that the test moves. */
function lookUp(t: Test, reply: Answer) {
  answer = reply
  asked.length = 0
  const lines: string[] = []
  const clock = { nowMs: 0 }
  const log = createLogger({ logLevel: 'info', logPretty: false }, 'auth-api', {
    write: (line) => void lines.push(line),
  })
  const breached = createBreachedPasswords({ passwordBreachCheckUrl: url }, log, () => clock.nowMs)
  return { breached, lines, clock }
}

t.test('a password that is in a breach is refused, and only five digits of its hash are told', async (t) => {
  const { breached, lines } = lookUp(t, say([...others, `${suffix}:12`].join('\r\n')))
  t.equal(await breached.include(phrase), true)
  t.equal(await breached.include(`${phrase} `), false)
  t.equal(asked[0]?.url, `/range/${sha1(phrase).slice(0, 5)}`)
  t.equal(asked[0]?.headers['add-padding'], 'true')
  const told = JSON.stringify(asked.map((request) => [request.method, request.url, request.headers]))
  t.notMatch(told, new RegExp(suffix.slice(0, 10), 'i'))
  t.notMatch(told, 'kettle')
  t.same(lines, [])

  const config = loadConfig({ AUTH_SECRET: 'x'.repeat(32), DATABASE_URL: 'postgres://nobody@127.0.0.1/none' })
  const owner = { email: 'alice@example.com', username: null, name: null }
  const check = assertGoodPassword(
    { config, breachedPasswords: breached },
    { password: phrase, owner, path: '/password' },
  )
  await t.rejects(check, {
    code: 'password_rejected',
    errors: [{ path: '/password', message: 'is known from a breach of another service' }],
  })
})

t.test('padding is no breach, and another spelling of Unicode is the same password', async (t) => {
  t.equal(await lookUp(t, say(`${suffix}:0\r\n`)).breached.include(phrase), false)
  const spelled = `${sha1('café au lait noir').slice(5)}:3`
  t.equal(await lookUp(t, say(spelled.toLowerCase())).breached.include('cafe\u0301 au lait noir'), true)
})

const failures: Record<string, Answer> = {
  'an error': say('', 500),
  'a page that is not found': say('no such page', 404),
  'a redirect to elsewhere': (_, reply) =>
    void reply.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  'an answer without end': (_, reply) => {
    reply.writeHead(200)
    const more = () => {
      while (!reply.destroyed && reply.write('0'.repeat(65_536)));
    }
    reply.on('drain', more)
    more()
  },
  'a connection that is cut': (request) => void request.socket.destroy(),
  'no answer at all': () => undefined,
}

for (const [what, reply] of Object.entries(failures)) {
  t.test(
    `${what}: nobody is refused for it, nor waits a second time, and the log says so once`,
    async (t) => {
      const { breached, lines, clock } = lookUp(t, reply)
      const startedAt = performance.now()
      t.equal(await breached.include(phrase), false)
      t.ok(performance.now() - startedAt < 5000, 'bounded in time')
      t.same(await Promise.all([breached.include(phrase), breached.include('another phrase')]), [
        false,
        false,
      ])
      t.equal(asked.length, 1, 'nobody is asked for a while')
      t.equal(lines.length, 1)
      t.notMatch(lines[0], /kettle|[0-9A-F]{5}\b.*range/)

      answer = say(`${suffix}:1`)
      clock.nowMs += 30_000
      t.equal(await breached.include(phrase), true, 'and then asked again')
    },
  )
}

t.test('without an address nobody is asked', async (t) => {
  asked.length = 0
  const log = createLogger({ logLevel: 'silent', logPretty: false }, 'auth-api')
  const breached = createBreachedPasswords({ passwordBreachCheckUrl: null }, log)
  t.equal(await breached.include('password'), false)
  t.equal(asked.length, 0)
})
