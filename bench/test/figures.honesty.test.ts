/** A bench that averages away the bad run, or takes a wrong argument for its default, tells a figure that nobody measured. */
// Alone: it measures its process.
import t from 'tap'
import { cpuSecondsOf, cpuSecondsOfTree } from '@latchkey/bench/cpu'
import { median } from '@latchkey/bench/measure'
import { readOptions } from '@latchkey/bench/options'
import { renderTable } from '@latchkey/bench/report'

t.test('the median is of what was measured', async (t) => {
  t.equal(median([3, 1, 100]), 3)
  t.equal(median([4, 2]), 3)
  t.equal(median([7]), 7)
})

t.test('arguments that mean nothing are refused', async (t) => {
  for (const args of [
    ['--only', 'everything'],
    ['--runs', '0'],
    ['--seconds', '1.5'],
    ['--connections', 'x'],
    ['--fast'],
  ])
    t.throws(() => readOptions(args), args.join(' '))
  t.match(readOptions(['--only', 'read', '--only', 'login', '--runs', '5']), {
    works: ['read', 'login'],
    runs: 5,
  })
  t.equal(readOptions([]).works.length, 9)
})

t.test('processor time is that of the process, and of all that it has started', async (t) => {
  const [own, tree] = [cpuSecondsOf(process.pid), cpuSecondsOfTree(process.pid)]
  const { user, system } = process.cpuUsage()
  t.ok(Math.abs((user + system) / 1e6 - own) < 0.1, `${own} s`)
  t.ok(tree >= own)
})

t.test('what was not measured is left empty', async (t) => {
  const table = renderTable([{ work: 'cleanup', who: 'Latchkey', postgresCpuUs: 2.04, note: '10 rows/s' }])
  t.equal(table.split('\n').at(-1), '| cleanup | Latchkey |  |  |  |  | 2.0 |  | 10 rows/s |')
})
