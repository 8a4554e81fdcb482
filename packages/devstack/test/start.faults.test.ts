/** However `npm start` comes to its end, what it has started ends too, and the folder can be started again. */
// Alone: it starts servers and processes of its own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseIdentity } from '@latchkey/devstack/servers/process-identity'
import { waitFor } from '@latchkey/devstack/wait-for'
import { authClient } from './support/auth-client.js'
import { runStart } from './support/run-start.js'
import { survivors } from './support/survivors.js'

t.test('what ends one folder leaves the other alone', async (t) => {
  const folder = t.testdir({ a: {}, b: {} })
  const [start, neighbour] = [runStart(t, join(folder, 'a')), runStart(t, join(folder, 'b'))]
  const urls = await Promise.all([start.untilReady(), neighbour.untilReady()])
  t.not(urls[0], urls[1], 'two folders run side by side')

  const pids = start.processes()
  process.kill(workerOf(join(folder, 'a')), 'SIGKILL')
  t.equal(await start.ended, 1, 'a part that ends by itself stops the rest')
  t.match(start.output(), 'worker ended by itself (signal SIGKILL)')
  t.strictSame(survivors(pids), [])

  t.equal((await fetch(`${urls[1]}/health/ready`)).status, 200)
  const others = neighbour.processes()
  process.kill(workerOf(join(folder, 'b')), 'SIGSTOP')
  let exit: unknown
  void neighbour.ended.then((how) => (exit = how))
  const insist = (): boolean => {
    neighbour.signal('SIGINT')
    return exit !== undefined
  }
  await waitFor(insist, { what: 'Ctrl-C again and again to end it', deadlineMs: 10_000, everyMs: 100 })
  t.equal(exit, 130, 'without waiting for a part that hangs')
  t.strictSame(survivors(others), [])
})

function workerOf(folder: string): number {
  const worker = parseIdentity(readFileSync(join(folder, '.latchkey/worker/process.json'), 'utf8'))
  if (worker === null) throw new Error('the worker is not remembered')
  return worker.pid
}

t.test('when it is killed its parts end, and the next start works at once', async (t) => {
  const folder = t.testdir()
  const killed = runStart(t, folder)
  t.equal(await authClient(await killed.untilReady()).register(), 201)
  const pids = killed.processes()
  killed.signal('SIGKILL')
  t.equal(await killed.ended, 'SIGKILL')

  const next = runStart(t, folder, { args: ['--fresh'] })
  t.equal(await authClient(await next.untilReady()).login(), 401, '--fresh has emptied the data')
  await waitFor(() => survivors(pids).length === 0, { what: 'what the killed start has left to end' })
})
