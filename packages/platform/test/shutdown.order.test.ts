// Fault: a process that ends in disorder loses the request, the job or the event that it was working on.
// Alone: it starts servers and processes of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestContext } from '@latchkey/devstack/testing/database'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'

const program = fileURLToPath(new URL('support/shutdown-process.js', import.meta.url))

const measured = [process.execPath] as const

/** `node` is `measured` where coverage gains from it, and `plainNode` where another test has been the same way. */
function start(t: TestContext, scenario: string, node: readonly [string, ...string[]] = measured) {
  const [command, ...args] = node
  const child = spawn(command, [...args, program, scenario], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => void child.kill('SIGKILL'))
  const lines: { msg?: string; step?: string; level?: string; err?: { message: string } }[] = []
  createInterface({ input: child.stdout }).on('line', (line) =>
    lines.push(JSON.parse(line) as (typeof lines)[number]),
  )
  const exit = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  const said = (msg: string) =>
    waitFor(() => lines.some((line) => line.msg === msg), { what: msg, deadlineMs: 20_000 })
  return { child, lines, exit, said }
}

for (const [signal, node] of [
  ['SIGTERM', measured],
  ['SIGINT', plainNode],
  ['SIGHUP', plainNode],
] as const) {
  t.test(`${signal} closes in the order given and exits with 0`, async (t) => {
    const { child, lines, exit, said } = start(t, 'closes', node)
    await said('up')
    child.kill(signal)
    t.same(await exit, [0, null])
    t.match(lines, [
      { msg: 'up' },
      { msg: 'shutting down', reason: signal },
      { msg: 'closed', step: 'first', level: 'debug' },
      { msg: 'closed', step: 'second' },
      { msg: 'closed', step: 'third' },
      { msg: 'shut down', level: 'info' },
    ])
  })
}

t.test('one Ctrl-C that arrives twice is one', async (t) => {
  const { child, exit, said } = start(t, 'closes', plainNode)
  await said('up')
  child.kill('SIGINT')
  child.kill('SIGTERM')
  t.same(await exit, [0, null])
})

t.test('a second signal exits at once', async (t) => {
  const { child, exit, said } = start(t, 'waits')
  await said('up')
  child.kill('SIGTERM')
  await said('closed')
  const patience = setInterval(() => child.kill('SIGTERM'), 300)
  t.teardown(() => clearInterval(patience))
  t.same(await exit, [1, null])
})

t.test('a step that hangs is cut off at the deadline', async (t) => {
  const { child, lines, exit, said } = start(t, 'hangs')
  await said('up')
  child.kill('SIGTERM')
  t.same(await exit, [1, null])
  t.match(lines.at(-1), { level: 'error', deadlineMs: 200 })
})

t.test('a step that fails keeps no other from closing, and shows in the exit code', async (t) => {
  const { child, lines, exit, said } = start(t, 'fails')
  await said('up')
  child.kill('SIGTERM')
  t.same(await exit, [1, null])
  t.match(lines.slice(3), [
    { msg: 'could not be closed', step: 'second', err: { message: 'cannot close' } },
    { msg: 'closed', step: 'third' },
    { msg: 'shut down' },
  ])
})

for (const [scenario, node] of [
  ['throws', measured],
  ['rejects', plainNode],
] as const) {
  t.test(`an error that nobody caught (${scenario}) is logged, closes and exits with 1`, async (t) => {
    const { lines, exit } = start(t, scenario, node)
    t.same(await exit, [1, null])
    t.ok(lines.some(({ level, err }) => level === 'fatal' && err?.message === 'nobody caught this'))
    t.ok(lines.some(({ step }) => step === 'third'))
  })
}

t.test('an error during the shutdown is logged and does not end it', async (t) => {
  const { child, lines, exit, said } = start(t, 'rejects-meanwhile')
  await said('up')
  child.kill('SIGTERM')
  t.same(await exit, [1, null])
  t.ok(lines.some(({ level }) => level === 'fatal'))
  t.match(lines.at(-1), { msg: 'shut down' })
})
