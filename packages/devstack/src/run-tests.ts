/** `npm test`: the built test files over PostgreSQL and Redis of this run alone, and nothing left of them. Arguments name test files. */
import { mkdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { takeFolderLock, type FolderLock } from './folder-lock.js'
import { measuredEnv, reportCoverage } from './run-tests/coverage.js'
import { findTestFiles } from './run-tests/find-test-files.js'
import { runGroups } from './run-tests/run-groups.js'
import { startTestServers, type TestServers } from './run-tests/test-servers.js'
import { withoutSettings } from './run-tests/without-settings.js'
import { catchSignals, type CaughtSignals } from './signals.js'
import { StartError } from './start-error.js'
import { waitFor } from './wait-for.js'

const root = resolve(import.meta.dirname, '../../..')
const twoHoursMs = 2 * 3600 * 1000

async function main(args: readonly string[], signals: CaughtSignals): Promise<number> {
  const groups = findTestFiles(root, args)
  const lock = await takeTurn(signals.stop)
  if (lock === 'interrupted') return 1
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  let servers: TestServers | null = null
  try {
    await chmod(folder, 0o711) // PostgreSQL of a test that runs as root is another user, and must get to its own folder
    servers = await startTestServers(folder, console.log)
    const [temporary, measured] = [join(folder, 'tmp'), join(folder, 'coverage')]
    for (const path of [temporary, measured]) mkdirSync(path)
    const isWhole = args.length === 0
    const env = {
      ...withoutSettings(process.env),
      ...servers.env,
      ...(isWhole && measuredEnv(measured)),
      TMPDIR: temporary, // what a test file that is killed leaves there goes with the run
    }
    // Source maps make a test file start half as fast again; who runs a few wants to see his own lines.
    const nodeArgs = isWhole ? [] : ['--enable-source-maps']
    const { passed, failed } = await runGroups(groups, { cwd: root, env, nodeArgs, ...signals })
    const uncovered = isWhole && !signals.stop.aborted ? await reportCoverage(root, measured) : []
    for (const line of uncovered) console.log(line)
    console.log(`\n${passed} passed, ${failed} failed`)
    return Number(signals.stop.aborted || passed === 0 || failed > 0 || uncovered.length > 0)
  } finally {
    await servers?.kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 20 }) // a server that is just ending may still write
    lock.release()
  }
}

/** Runs of one checkout take turns: their reports are in one folder. */
function takeTurn(stop: AbortSignal): Promise<FolderLock | 'interrupted'> {
  const folder = join(root, 'coverage')
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
