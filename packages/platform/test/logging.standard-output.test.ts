/** A line that was logged is not lost by how the process ends, nor by a reader that is slower than the writer. */
// Alone: it starts servers and processes of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'

const logger = import.meta.resolve('../dist/logging/logger.js')

/** What a process printed that logs and then does `ending`, and how it ended. */
async function run(program: string): Promise<{ messages: string[]; code: number | null }> {
  const script = `import { createLogger } from ${JSON.stringify(logger)}
    const log = createLogger({ logLevel: 'info', logPretty: false }, 'worker')
    ${program}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await setImmediate() // the pipe is full before anybody reads
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')])
  const lines = printed.split('\n').filter((line) => line !== '')
  return {
    messages: lines.map((line) => String((JSON.parse(line) as { msg: unknown }).msg)),
    code: child.exitCode,
  }
}

const lastWords = `log.info('first'); log.info('second');`
const endings: [string, string, number][] = [
  ['ends by itself', '', 0],
  ['exits at once', 'process.exit(3)', 3],
  ['throws', `throw new Error('unforeseen')`, 1],
  ['rejects', `await Promise.reject(new Error('unforeseen'))`, 1],
]
for (const [how, ending, code] of endings) {
  void t.test(`a process that ${how} has said all it said`, async (t) => {
    t.same(await run(`${lastWords}\n${ending}`), { messages: ['first', 'second'], code })
  })
}

void t.test('a burst arrives whole and in order', async (t) => {
  const { messages } = await run(`for (let n = 0; n < 20000; n += 1) log.info(String(n))`)
  t.same(
    messages,
    Array.from({ length: 20_000 }, (_, n) => String(n)),
  )
})
