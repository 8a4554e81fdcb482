import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { bold, dim, green, red } from '../start/terminal.js'
import type { TestGroup } from './find-test-files.js'
import { runGroup, type GroupResult, type RunOptions } from './run-group.js'
import { readFailures, type Totals } from './totals.js'

/** A test waits for its servers a third of its time. */
const groupsAtOnce = Math.ceil(availableParallelism() * 1.5)

/** Runs test files, tells of them as they end and what failed in them, and counts. */
export async function runGroups(groups: readonly TestGroup[], options: RunOptions): Promise<Totals> {
  const waiting = [...groups]
  const totals: Totals = { passed: 0, failed: 0 }
  let done = 0
  const runNext = async (): Promise<void> => {
    for (let group = waiting.shift(); group !== undefined && !options.stop.aborted; group = waiting.shift()) {
      const result = await runGroup(group, options)
      done += 1
      totals.passed += result.passed
      totals.failed += result.failed + Number(result.end !== null)
      const progress = dim(`${String(done).padStart(String(groups.length).length)}/${groups.length}`)
      console.log(`${progress} ${describe(group, result)}`)
    }
  }
  await Promise.all(Array.from({ length: groupsAtOnce }, runNext))
  return totals
}

function describe(
  [first, ...others]: TestGroup,
  { passed, failed, end, seconds, output, complaints }: GroupResult,
): string {
  const isGreen = failed === 0 && end === null
  const besides = others.map((file) => `, ${basename(file, '.test.js')}`).join('')
  const name = first.replace('dist-test/', 'test/').replace(/\.js$/, '.ts') + besides
  const time = dim(`${seconds.toFixed(1)} s`)
  if (isGreen) return [`${green('✓')} ${name} ${dim(`${passed}`)} ${time}`, ...linesOf(complaints)].join('\n')
  const verdict = end ?? `${failed} of ${passed + failed} failed`
  return [
    `${red('✗')} ${bold(name)} ${red(verdict)} ${time}`,
    ...readFailures(output),
    ...linesOf(complaints),
  ].join('\n')
}

const linesOf = (text: string): string[] => (text.trim() === '' ? [] : [text.trimEnd()])
