/** `npm test`: tap over PostgreSQL and Redis of this run alone, and nothing left of them. Arguments go to tap. */
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { takeFolderLock, type FolderLock } from './folder-lock.js'
import { readUncovered } from './run-tests/coverage-floors.js'
import { readTotals } from './run-tests/totals.js'
import { buildTap, runTap } from './run-tests/tap.js'
import { startTestServers, type TestServers } from './run-tests/test-servers.js'
import { catchSignals, type CaughtSignals } from './signals.js'
import { StartError } from './start-error.js'
import { waitFor } from './wait-for.js'

const root = resolve(import.meta.dirname, '../../..')
const twoHoursMs = 2 * 3600 * 1000

async function main(args: readonly string[], signals: CaughtSignals): Promise<number> {
  const lock = await takeTurn(signals.stop)
  if (lock === 'interrupted') return 1
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  let servers: TestServers | null = null
  try {
    buildTap(root)
    servers = await startTestServers(folder, console.log)
    if (signals.stop.aborted) return 1
    const isWhole = args.every((arg) => arg.startsWith('-'))
    const output = join(folder, 'output.tap')
    const temporary = join(folder, 'tmp')
    mkdirSync(temporary)
    const exitCode = await runTap(root, {
      args: [`--output-file=${output}`, ...(isWhole ? [] : ['--allow-incomplete-coverage']), ...args],
      env: { ...servers.env, TMPDIR: temporary }, // what a test file that is killed leaves there goes with the run
      signals,
    })
    const uncovered = isWhole && !signals.stop.aborted ? readUncovered(root) : []
    for (const line of uncovered) console.log(line)
    const { passed, failed } = readTotals(output)
    console.log(`\n${passed} passed, ${failed} failed`) // a line of its own, whatever a reporter has left on the last one
    return exitCode || Number(uncovered.length > 0 || failed > 0)
  } finally {
    await servers?.kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 20 }) // a server that is just ending may still write
    lock.release()
  }
}

/** Runs of one checkout take turns: tap keeps what it measures in one folder, .tap, which it empties first. */
function takeTurn(stop: AbortSignal): Promise<FolderLock | 'interrupted'> {
  const folder = join(root, '.tap')
  mkdirSync(folder, { recursive: true })
  let isTold = false
  const attempt = (): FolderLock | 'interrupted' | null => {
    if (stop.aborted) return 'interrupted'
    const lock = takeFolderLock(join(folder, 'npm-test.lock'))
    if ('release' in lock) return lock
    if (!isTold)
      console.log(`waiting for the npm test that runs in this folder already (process ${lock.pid})`)
    isTold = true
    return null
  }
  return waitFor(attempt, { what: 'another npm test in this folder', deadlineMs: twoHoursMs, everyMs: 200 })
}

try {
  process.exitCode = await main(process.argv.slice(2), catchSignals())
} catch (error) {
  console.error(error instanceof StartError ? error.message : error)
  process.exitCode = error instanceof StartError ? error.exitCode : 1
}
