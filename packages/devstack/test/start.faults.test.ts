/** However `npm start` comes to its end, what it has started ends too, and the folder can be started again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseIdentity } from '../src/servers/process-identity.js'
import { waitFor } from '../src/wait-for.js'
import { authClient } from './support/auth-client.js'
import { runStart } from './support/run-start.js'
import { survivors } from './support/survivors.js'

t.test('a part that ends by itself is named and stops the rest, in its folder only', async (t) => {
  const folder = t.testdir({ a: {}, b: {} })
  const [start, neighbour] = [runStart(t, join(folder, 'a')), runStart(t, join(folder, 'b'))]
  const urls = await Promise.all([start.untilReady(), neighbour.untilReady()])
  t.not(urls[0], urls[1], 'two folders run side by side')

  const pids = start.processes()
  const worker = parseIdentity(readFileSync(join(folder, 'a/.latchkey/worker/process.json'), 'utf8'))
  if (worker === null) throw new Error('the worker is not remembered')
  process.kill(worker.pid, 'SIGKILL')
  t.equal(await start.ended, 1)
  t.match(start.output(), 'worker ended by itself (signal SIGKILL)')
  t.strictSame(survivors(pids), [])
  t.equal((await fetch(`${urls[1]}/health/ready`)).status, 200)
})

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
