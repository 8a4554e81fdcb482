/** One at a time works in a folder, and a holder that was killed holds nothing. */
// Alone: it starts servers and processes of its own.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { takeFolderLock } from '@latchkey/devstack/folder-lock'
import { identify } from '@latchkey/devstack/servers/process-identity'

t.test('who comes second learns who holds it, until it is released', async (t) => {
  const file = join(t.testdir(), 'lock')
  const lock = takeFolderLock(file)
  if (!('release' in lock)) throw new Error('nobody can hold a lock in a new folder')
  t.strictSame(takeFolderLock(file), identify(process.pid))
  lock.release()
  t.ok('release' in takeFolderLock(file))
  t.strictSame(readdirSync(join(file, '..')), ['lock'], 'nothing else is left in the folder')
})

const dead: readonly [holder: string, content: string][] = [
  ['a process that has ended', JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'long ago' })],
  [
    'an earlier process with a pid that is in use again',
    JSON.stringify({ pid: process.pid, startedAt: 'long ago' }),
  ],
  ['a process that was killed while writing', '{"pid":12'],
  ['nothing that we know', '{"pid":"1"}'],
]
for (const [holder, content] of dead) {
  t.test(`the lock of ${holder} is taken over`, async (t) => {
    const file = join(t.testdir(), 'lock')
    writeFileSync(file, content)
    t.ok('release' in takeFolderLock(file))
  })
}
