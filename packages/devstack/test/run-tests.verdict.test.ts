/** The verdict of `npm test` is what tap counted, and no crash of tap reads as success. */
import { join } from 'node:path'
import t from 'tap'
import { readUncovered } from '../src/run-tests/coverage-floors.js'
import { readTotals } from '../src/run-tests/totals.js'

t.test('the totals are those of the last line', async (t) => {
  const folder = t.testdir({
    green: 'TAP version 14\nok 1 - a\n# { total: 12, pass: 12 }\n# time=5ms\n',
    red: 'not ok 1 - a\n# { total: 5, pass: 3, fail: 2 }\n',
    cut: 'TAP version 14\nok 1 - a\n',
  })
  t.strictSame(readTotals(join(folder, 'green')), { passed: 12, failed: 0 })
  t.strictSame(readTotals(join(folder, 'red')), { passed: 3, failed: 2 })
  t.strictSame(readTotals(join(folder, 'cut')), { passed: 0, failed: 1 })
  t.strictSame(readTotals(join(folder, 'missing')), { passed: 0, failed: 1 })
})

t.test('a line of the cryptography that no test visits is told', async (t) => {
  const root = t.testdir()
  const file = (name: string, lines: number, branches: number): [string, object] => [
    join(root, name),
    { lines: { pct: lines }, branches: { pct: branches } },
  ]
  const summary = Object.fromEntries([
    file('packages/platform/src/crypto/seal.ts', 100, 96.5),
    file('packages/platform/src/crypto/keyring.ts', 100, 100),
    file('packages/platform/src/logging/logger.ts', 50, 50),
  ])
  t.strictSame(readUncovered(root), [], 'no report, no complaint: coverage may be disabled')
  t.testdir({ '.tap': { report: { 'coverage-summary.json': JSON.stringify(summary) } } })
  t.match(readUncovered(root), [
    /^packages\/platform\/src\/crypto\/seal\.ts: 100 % of lines and 96\.5 % of branches/,
  ])
})
