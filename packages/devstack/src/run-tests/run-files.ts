import { availableParallelism } from 'node:os'
import { bold, dim, green, red } from '../start/terminal.js'
import { runFile, type FileResult, type RunOptions } from './run-file.js'
import { readFailures, type Totals } from './totals.js'

/** A test file waits for its servers a third of its time. */
const filesAtOnce = Math.ceil(availableParallelism() * 1.5)

/** Runs test files, tells each as it ends and what failed in it, and counts. */
export async function runFiles(files: readonly string[], options: RunOptions): Promise<Totals> {
  const waiting = [...files]
  const totals: Totals = { passed: 0, failed: 0 }
  let done = 0
  const runNext = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !options.stop.aborted; file = waiting.shift()) {
      const result = await runFile(file, options)
      done += 1
      totals.passed += result.passed
      totals.failed += result.failed + Number(result.end !== null)
      const progress = dim(`${String(done).padStart(String(files.length).length)}/${files.length}`)
      console.log(`${progress} ${describe(file, result)}`)
    }
  }
  await Promise.all(Array.from({ length: filesAtOnce }, runNext))
  return totals
}

function describe(file: string, { passed, failed, end, seconds, output, complaints }: FileResult): string {
  const isGreen = failed === 0 && end === null
  const name = file.replace('dist-test/', 'test/').replace(/\.js$/, '.ts')
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
