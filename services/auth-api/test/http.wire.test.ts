// Attack: bytes that two HTTP parsers read differently (request smuggling), or that are no HTTP at all.
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { talk } from './support/raw-http.js'
import { createTestApp } from './support/test-app.js'

const login = '{"email":"a@example.com","password":"x"}'
const post = (headers: string[], body: string): string =>
  [
    'POST /api/v1/auth/login HTTP/1.1',
    'Host: x',
    'Content-Type: application/json',
    ...headers,
    '',
    body,
  ].join('\r\n')
const smuggled = 'GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

t.test('on the wire', async (t) => {
  const { app, deps } = await createTestApp(t)
  const address = await app.listen({ port: 0, host: '127.0.0.1' })

  await t.test(
    'what is no HTTP is refused as a problem, with every security header, and the connection closed',
    async (t) => {
      const bytes: Record<string, string | Buffer> = {
        'no HTTP': 'hello\r\n\r\n',
        'TLS on the wrong port': Buffer.from('16030100a5010000a10303', 'hex'),
        'HTTP/2 without asking': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        'HTTP/9.9': 'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
        'a method that nobody knows': 'FETCH / HTTP/1.1\r\nHost: x\r\n\r\n',
        'a space in the path': 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
        'a header without a name': 'GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n',
        'NUL in a header': 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n',
        'both lengths': post(['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`),
        'both lengths, the other order': post(
          ['Transfer-Encoding: chunked', 'Content-Length: 4'],
          `0\r\n\r\n${smuggled}`,
        ),
        'two lengths': post(['Content-Length: 0', `Content-Length: ${login.length}`], login),
        'two lengths in one': post([`Content-Length: 0, ${login.length}`], login),
        'a length with a sign': post([`Content-Length: +${login.length}`], login),
        'a negative length': post(['Content-Length: -1'], login),
        'a length in hex': post(['Content-Length: 0x28'], login),
        'a space before the colon': post([`Content-Length : ${login.length}`], login),
        'a folded header': post(['X-A: b', ` Content-Length: ${login.length}`], login),
        'chunked, and something after it': post(
          ['Transfer-Encoding: chunked, identity'],
          `0\r\n\r\n${smuggled}`,
        ),
        'something that begins like chunked': post(['Transfer-Encoding: chunkedx'], `0\r\n\r\n${smuggled}`),
        'a tab before chunked, and a length': post(
          ['Transfer-Encoding:\tchunked', 'Content-Length: 4'],
          `0\r\n\r\n${smuggled}`,
        ),
        'a chunk size that is none': post(['Transfer-Encoding: chunked'], `zz\r\n${smuggled}`),
        'a chunk that is longer than it says': post(
          ['Transfer-Encoding: chunked'],
          `2\r\nabcd\r\n0\r\n\r\n${smuggled}`,
        ),
        'no host': 'GET /health HTTP/1.1\r\n\r\n',
        'two hosts': 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      }
      for (const [name, sent] of Object.entries(bytes)) {
        const answers = await talk(address, sent)
        const [answer] = answers
        t.equal(answers.length, 1, `${name}: one answer, and none to what was smuggled`)
        t.match(
          answer,
          {
            status: 400,
            headers: { 'content-type': 'application/problem+json; charset=utf-8', connection: 'close' },
          },
          name,
        )
        t.match(answer?.headers, {
          'x-content-type-options': 'nosniff',
          'strict-transport-security': /max-age/,
          'cache-control': 'no-store',
          'x-request-id': /^[0-9a-f-]{36}$/,
        })
        const problem = JSON.parse(answer?.body ?? '') as Record<string, unknown>
        t.match(problem, { status: 400, code: /malformed_body|validation_failed/, errorId: String }, name)
      }
    },
  )

  await t.test('headers of more than 16 KiB', async (t) => {
    const [answer] = await talk(
      address,
      `GET /health HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(17 * 1024)}\r\n\r\n`,
    )
    t.match(answer, { status: 431, headers: { connection: 'close' } })
    t.match(JSON.parse(answer?.body ?? ''), { code: 'headers_too_large' })
    const [fits] = await talk(
      address,
      `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: ${'a'.repeat(15 * 1024)}\r\n\r\n`,
    )
    t.equal(fits?.status, 200)
  })

  await t.test('a body of a request that takes none is no second request', async (t) => {
    const answers = await talk(
      address,
      `GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    )
    t.same(
      answers.map(({ status }) => status),
      [200, 200],
    )
  })

  await t.test('a body that is cut short changes nothing and hurts nobody', async (t) => {
    const answers = await talk(address, post([`Content-Length: ${login.length + 10}`], login))
    t.notOk(answers.some(({ status }) => status < 400))
    const [next] = await talk(address, 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    t.equal(next?.status, 200)
  })

  await t.test("a body that does not come in time is the sender's failure", async (t) => {
    const impatient = await buildApp(deps)
    t.teardown(() => impatient.close())
    impatient.post('/slow', { config: { auth: 'none', limit: 'none', deadlineMs: 50 } }, () => 'done')
    const answers = await talk(
      await impatient.listen({ port: 0, host: '127.0.0.1' }),
      'POST /slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"a"',
    )
    t.match(answers, [{ status: 400, headers: { connection: 'close' } }])
    t.match(JSON.parse(answers[0]?.body ?? ''), {
      code: 'malformed_body',
      detail: 'The request did not arrive in time.',
    })
  })

  await t.test('what HTTP allows and nobody sends', async (t) => {
    const requests: [string, string, number][] = [
      [
        'an absolute target',
        'GET http://elsewhere.example/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        200,
      ],
      ['HTTP/1.0 without a host', 'GET /health HTTP/1.0\r\n\r\n', 200],
      [
        'an expectation that we do not know',
        'GET /health HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nConnection: close\r\n\r\n',
        200,
      ],
      [
        'an upgrade',
        'GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
        200,
      ],
      ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
      ['CONNECT', 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
      ['dots in a path', 'GET /api/v1/../../health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
      ['a backslash', 'GET /api\\v1\\auth\\me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    ]
    for (const [name, bytes, status] of requests) {
      const [answer] = await talk(address, bytes)
      t.equal(answer?.status, status, name)
      if (status >= 400)
        t.equal(answer?.headers['content-type'], 'application/problem+json; charset=utf-8', name)
    }
  })

  await t.test('two Authorization headers are none', async (t) => {
    const [answer] = await talk(
      address,
      'GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\nAuthorization: Bearer d.e.f\r\nConnection: close\r\n\r\n',
    )
    t.match(answer, { status: 401 })
    t.match(JSON.parse(answer?.body ?? ''), { code: 'token_invalid' })
  })

  await t.test('a hundred requests in one write are answered in order', async (t) => {
    const requests = Array.from(
      { length: 99 },
      (_, n) => `GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: r${n}\r\n\r\n`,
    )
    const answers = await talk(
      address,
      `${requests.join('')}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    )
    t.same(
      answers.slice(0, 99).map(({ headers }) => headers['x-request-id']),
      requests.map((_, n) => `r${n}`),
    )
  })

  await t.test('slow clients have limits', async (t) => {
    t.match(app.server, { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 72_000 })
  })

  await t.test('and nothing of this was our fault', async (t) => {
    const { values } = await deps.metrics.httpRequestsTotal.get()
    t.notOk(values.some(({ labels }) => Number(labels.status_code) >= 500))
  })
})
