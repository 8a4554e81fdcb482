// What a client learns of a failure: enough to act, nothing of what broke inside.
import { AppError, problems, type ErrorCode } from '@latchkey/contracts/errors'
import { Problem } from '@latchkey/contracts/http/answers'
import { pino } from 'pino'
import t from 'tap'
import { Compile } from 'typebox/compile'
import type { App } from '@latchkey/auth-api/app-types'
import { buildApp } from '@latchkey/auth-api/app'
import { problemHeaders, problemOf, publicErrorOf } from '@latchkey/auth-api/plugins/problems'
import { createTestApp } from './support/test-app.js'

const problemShape = Compile(Problem)
const { api, deps } = await createTestApp(t)

t.test('every code makes a whole problem with its status and title', async (t) => {
  for (const code of Object.keys(problems) as ErrorCode[]) {
    const error = new AppError(code)
    const problem = problemOf(error, 'id')
    t.ok(problemShape.Check(problem), code)
    t.match(problem, { type: `urn:latchkey:error:${code}`, ...problems[code], code, errorId: 'id' })
    const headers = problemHeaders(error)
    t.equal(headers['content-type'], 'application/problem+json; charset=utf-8')
    t.equal('www-authenticate' in headers, error.status === 401, `${code} and a challenge`)
    if (error.status === 503) t.equal(headers['retry-after'], '1')
  }
})

t.test('Retry-After is whole seconds, rounded up', async (t) => {
  const error = new AppError('rate_limited', undefined, { retryAfterSeconds: 0.2 })
  t.equal(problemHeaders(error)['retry-after'], '1')
})

t.test('what is not known is internal_error, whatever was thrown', async (t) => {
  for (const thrown of [
    new Error('secret'),
    new TypeError('secret'),
    'secret',
    null,
    undefined,
    { status: 400, message: 'secret' },
  ]) {
    const error = publicErrorOf(thrown)
    t.equal(error.code, 'internal_error')
    t.notMatch(JSON.stringify(problemOf(error, 'id')), /secret/)
  }
  const impostor = Object.assign(new Error('secret'), { code: 'FST_ERR_SOMETHING_NEW', statusCode: 418 })
  t.equal(publicErrorOf(impostor).code, 'internal_error', 'not even an error that brings a status along')
})

t.test('a failure in a handler', async (t) => {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  )
  const app: App = await buildApp({ ...deps, log })
  t.teardown(() => app.close())
  const open = { config: { auth: 'none', limit: 'none' } } as const
  app.get('/fails', open, () => {
    throw new Error('the wire is hot')
  })
  app.get('/fails-badly', open, () =>
    Promise.reject(Object.assign(new Error('x'), { query: 'SELECT secret' })),
  )
  app.get('/is-busy', open, () => {
    throw new AppError('overloaded', 'Too many.', {
      retryAfterSeconds: 3,
      cause: new Error('the queue is full'),
    })
  })

  app.get('/hangs', { config: { ...open.config, deadlineMs: 20 } }, () => new Promise(() => undefined))

  const failed = await app.inject('/fails')
  const problem = failed.json<{ errorId: string }>()
  t.equal(failed.statusCode, 500)
  t.match(problem, {
    code: 'internal_error',
    title: problems.internal_error.title,
    detail: problems.internal_error.title,
  })
  t.notMatch(failed.body, /wire/)
  t.ok(
    lines.some(
      (line) => line['errorId'] === problem.errorId && JSON.stringify(line).includes('the wire is hot'),
    ),
  )

  const badly = await app.inject('/fails-badly')
  t.equal(badly.statusCode, 500)
  t.notMatch(badly.body, /SELECT/)

  const busy = await app.inject('/is-busy')
  t.match(busy, { statusCode: 503, headers: { 'retry-after': '3' } })
  t.match(busy.json(), { code: 'overloaded', detail: 'Too many.' })
  t.notMatch(busy.body, /queue/)

  const hung = await app.inject('/hangs')
  t.match(hung, { statusCode: 503, headers: { 'retry-after': '1' } })
  t.match(hung.json(), { code: 'unavailable' })
})

t.test('a request id comes back when it is sane, and is replaced when it is not', async (t) => {
  const idFor = async (given: string): Promise<unknown> =>
    (await api('GET', '/health', { headers: { 'x-request-id': given } })).headers['x-request-id']
  for (const sane of ['a', 'A-b_c.9', 'x'.repeat(128)]) t.equal(await idFor(sane), sane)
  for (const odd of ['', 'x'.repeat(129), 'a b', 'a"b', '<script>', '{"a":1}', 'a/b', 'é']) {
    t.match(await idFor(odd), /^[0-9a-f]{8}-[0-9a-f]{4}-7/, odd.slice(0, 20))
  }
})
