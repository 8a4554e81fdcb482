import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreDeps } from '../deps.js'
import {
  cleanExpiredTokens,
  type CleanedRows,
  nothingCleaned,
} from '../jobs/clean-expired-tokens/clean-expired-tokens.js'
import { runAlone } from '../scheduling/run-alone.js'
import { runCommand } from './run-command.js'
import { createProgressLine } from './progress-line.js'

const askAgainMs = 250

await runCommand('tokens:clean', async (deps, signal) => {
  const startedAt = performance.now()
  const cleaned = await cleanWhenFree(deps, signal)
  const milliseconds = Math.round(performance.now() - startedAt)
  const rows = `${cleaned.session_expired} expired and ${cleaned.session_revoked} revoked sessions, ${cleaned.one_time_token} one-time tokens`
  if (signal.aborted) throw new Error(`interrupted after deleting ${rows}`)
  return `deleted ${rows} in ${milliseconds} ms`
})

/** A worker may be at it right now; then its turn ends first. */
async function cleanWhenFree(deps: StoreDeps, signal: AbortSignal): Promise<CleanedRows> {
  const progress = createProgressLine(process.stderr)
  let cleaned: CleanedRows = nothingCleaned
  const clean = async () => {
    cleaned = await cleanExpiredTokens(deps, {
      signal,
      onProgress: ({ share, deleted }) =>
        progress.show(`${Math.floor(share * 100)} % looked at, ${deleted} rows deleted`),
    })
  }
  try {
    while (!signal.aborted && !(await runAlone(deps.sessionSql, 'clean-expired-tokens', clean))) {
      progress.show('waiting for the cleanup of a worker to end')
      await sleep(askAgainMs)
    }
    return cleaned
  } finally {
    progress.end()
  }
}
