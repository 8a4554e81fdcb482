// Attack: text of a caller that breaks out of its line, or out of its format, forges entries of the log.
import t from 'tap'
import { createLogger } from '@latchkey/platform/logging/logger'
import { captureLog } from './support/log-lines.js'

t.test('a line says when in UTC, how bad by name, and who', async (t) => {
  const { log, lines } = captureLog()
  log.warn({ count: 2 }, 'careful')
  t.same(Object.keys(lines()[0] ?? {}), ['level', 'time', 'service', 'count', 'msg'])
  t.match(lines(), [{ level: 'warn', service: 'auth-api', time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ }])
})

/** Whether a terminal would see anything but text and the ends of lines. */
function hasControls(text: string): boolean {
  return Array.from(text, (character) => character.charCodeAt(0)).some(
    (code) => (code < 0x20 && code !== 0x0a) || (code >= 0x7f && code <= 0x9f),
  )
}

const forgeries = [
  'a\r\nb',
  '\n{"level":"info","msg":"forged"}',
  '\u2028\u2029\u0085',
  '\u001b[2K\u001b[1A',
  '"}\n{"level":"fatal"',
]

t.test('no line break of a caller ends a line', async (t) => {
  for (const text of forgeries) {
    const { log, text: written, lines } = captureLog()
    log.info({ name: text, nested: { [text]: text } }, text)
    log.error({ err: new Error(text) }, text)
    t.equal(written().split('\n').length, 3)
    t.match(lines(), [{ name: text, msg: text }, { msg: text }])
    t.notOk(hasControls(written().replaceAll('\u0085', '')))
  }
})

t.test('readable lines say the same for people', async (t) => {
  const { log, text } = captureLog({ logPretty: true })
  log.info({ count: 2 }, 'cleaned "all"')
  t.match(text(), /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: auth-api: cleaned "all"\n {4}count: 2\n$/)
})

t.test('readable lines cannot be forged either', async (t) => {
  for (const text of forgeries) {
    const { log, text: written } = captureLog({ logPretty: true })
    log.info({ name: text, hostname: text, pid: text, caller: text, nested: { [text]: text } }, text)
    log.error({ err: new Error(text) }, text)
    t.notOk(hasControls(written()), 'no escape sequence reaches the terminal')
    const starts = written()
      .split('\n')
      .filter((line) => /^\S/.test(line))
    t.equal(starts.length, 2, starts.join('\n'))
  }
})

t.test('format directives of a caller are text', async (t) => {
  for (const text of ['%s %d %j %o %O %%', '%s', '100%']) {
    const { log, lines } = captureLog()
    log.info(text)
    log.info({ name: text }, text)
    log.info({ name: text }, 'name %s', text)
    t.match(lines(), [{ msg: text }, { name: text, msg: text }, { name: text, msg: `name ${text}` }])
  }
})

t.test('a request is its method, route, path, id and address; a reply its status and time', async (t) => {
  const { log, text, lines } = captureLog()
  const canary = 'CANARY'
  const request = {
    id: 'r1',
    method: 'POST',
    url: `/api/v1/auth/sessions/7?token=${canary}`,
    ip: '10.0.0.1',
    routeOptions: { url: '/api/v1/auth/sessions/:id' },
    headers: { authorization: canary, cookie: canary },
    query: { token: canary },
    body: { password: canary },
  }
  log.info({ req: request, res: { statusCode: 204, elapsedTime: 1.2345, body: canary } }, 'answered')
  log.child({ req: { ...request, url: `/${'x'.repeat(1000)}` } }).info('child')
  t.notMatch(text(), canary)
  t.match(lines()[0], {
    req: {
      method: 'POST',
      route: '/api/v1/auth/sessions/:id',
      path: '/api/v1/auth/sessions/7',
      requestId: 'r1',
      ip: '10.0.0.1',
    },
    res: { status: 204, ms: 1.2 },
  })
  t.match(lines()[1], { req: { path: `/${'x'.repeat(255)}` } })
})

t.test('what is below the level is not written', async (t) => {
  const written: string[] = []
  const destination = { write: (line: string) => void written.push(line) }
  const log = createLogger({ logLevel: 'warn', logPretty: false }, 'worker', destination)
  log.info('no')
  log.error('yes')
  createLogger({ logLevel: 'silent', logPretty: false }, 'worker', destination).fatal('no')
  t.equal(written.length, 1)
})
