/** The verdict of `npm test` is what tap counted, and no crash reads as success. */
// Alone: it changes its process.
import { join } from 'node:path'
import { readUncovered } from '@latchkey/devstack/run-tests/coverage'
import { groupFiles, type TestGroup } from '@latchkey/devstack/run-tests/find-test-files'
import { runGroup } from '@latchkey/devstack/run-tests/run-group'
import { countAssertions, readFailures } from '@latchkey/devstack/run-tests/totals'
import t from 'tap'

t.test('the totals are those that tap wrote last', async (t) => {
  t.same(countAssertions('ok 1 - a\n# { total: 12, pass: 12 }\n# time=5ms\n'), { passed: 12, failed: 0 })
  t.same(countAssertions('not ok 1 - a\n# { total: 5, pass: 3, fail: 2 }\n'), { passed: 3, failed: 2 })
  t.equal(countAssertions('TAP version 14\nok 1 - a\n'), null)
})

t.test('what failed is told with its reason, however deep it is', async (t) => {
  const nested = '    not ok 2 - deep\n      ---\n      compare: ===\n      ...\n'
  t.match(readFailures(`ok 1 - fine\n${nested}not ok 3 - plain\n1..3\n`), [
    /not ok 2 - deep\n +---\n +compare: ===\n +\.\.\.$/,
    /^not ok 3 - plain$/,
  ])
})

t.test('a file that does not come to its end in good order is no success', async (t) => {
  const tap = JSON.stringify(import.meta.resolve('tap'))
  const folder = t.testdir({
    'green.mjs': `import t from ${tap}; t.ok(true); t.ok(1)`,
    'red.mjs': `import t from ${tap}; t.ok(true); t.equal(1, 2)`,
    'silent.mjs': '',
    'crash.mjs': `import t from ${tap}; t.ok(true); process.kill(process.pid, 'SIGKILL')`,
    'exit.mjs': `import t from ${tap}; t.ok(true); t.end(); process.on('exit', () => { process.exitCode = 3 })`,
  })
  const never = new AbortController().signal
  const run = (name: string, stop = never) =>
    runGroup([join(folder, name)], { cwd: folder, env: process.env, stop, force: never })
  t.match(await run('green.mjs'), { passed: 2, failed: 0, end: null })
  t.match(await run('red.mjs'), { passed: 1, failed: 1, end: null })
  t.match(await run('silent.mjs'), { end: /exit code 0 before its tests did/ })
  t.match(await run('crash.mjs'), { end: /SIGKILL/ })
  t.match(await run('exit.mjs'), { passed: 1, end: 'ended with exit code 3' })
})

t.test('files that share a process count together, and a failure of one is theirs', async (t) => {
  const tap = JSON.stringify(import.meta.resolve('tap'))
  const never = new AbortController().signal
  const folder = t.testdir({
    'slow.mjs': `import t from ${tap}; await new Promise((done) => setTimeout(done, 50)); t.test('slow', async (t) => { t.ok(1) })`,
    'one.mjs': `import t from ${tap}; t.teardown(() => {}); t.test('one', async (t) => { t.ok(1); t.ok(2) })`,
    'red.mjs': `import t from ${tap}; t.test('red', async (t) => { t.equal(1, 2) })`,
    'broken.mjs': `throw new Error('cannot be loaded')`,
  })
  const run = (...group: TestGroup) =>
    runGroup(group, { cwd: folder, env: process.env, stop: never, force: never })
  t.match(await run('one.mjs', 'slow.mjs'), { passed: 3, failed: 0, end: null })
  t.match(await run('one.mjs', 'red.mjs'), { passed: 2, failed: 1, end: null })
  t.match(await run('one.mjs', 'broken.mjs'), { passed: 2, failed: 1, output: /cannot be loaded/ })
})

t.test('files share a process, but for one that says why not', async (t) => {
  const read = (path: string) =>
    path.startsWith('alone') ? `// Attack: theft.\n// Alone: it ends Redis.\n` : `// Alone:\n`
  t.same(groupFiles(['a', 'alone', 'b'], read), [['alone'], ['a', 'b']])
  t.same(
    groupFiles(['1', '2', '3', '4', '5', '6', '7'], read).map((group) => group.length),
    [6, 1],
  )
})

t.test('a line of the cryptography that no test visits is told, and so is a floor', async (t) => {
  const file = (lines: number, branches: number) => ({
    lines: { pct: lines },
    statements: { pct: lines },
    functions: { pct: lines },
    branches: { pct: branches },
  })
  const summary = {
    total: file(89, 86),
    '/root/packages/platform/src/crypto/seal.ts': file(100, 96.5),
    '/root/packages/platform/src/crypto/keyring.ts': file(100, 100),
    '/root/packages/platform/src/logging/logger.ts': file(50, 50),
  }
  t.match(readUncovered('/root', summary), [
    /^89 % of lines tested; the floor is 90 %$/,
    /^89 % of statements/,
    /^packages\/platform\/src\/crypto\/seal\.ts: 100 % of lines and 96\.5 % of branches/,
  ])
})
