import { setTimeout as sleep } from 'node:timers/promises'
import { backUp, type Backup } from '../backups/back-up.js'
import type { StoreDeps } from '../deps.js'
import { runAlone } from '../scheduling/run-alone.js'
import { createProgressLine } from './progress-line.js'
import { runCommand } from './run-command.js'

const askAgainMs = 250
const mebibyte = 2 ** 20

await runCommand('backup', async (deps, signal) => {
  const folder = deps.config.backupDir
  if (folder === null) throw new Error('BACKUP_DIR is required')
  const { file, bytes, isEncrypted, durationMs } = await backUpWhenFree(deps, folder, signal)
  const kind = isEncrypted ? 'encrypted' : 'not encrypted: set BACKUP_ENCRYPTION_KEY'
  return `${file}: ${(bytes / mebibyte).toFixed(1)} MiB, ${kind}, checked, in ${(durationMs / 1000).toFixed(1)} s`
})

/** A worker may be at it right now; then its turn ends first. */
async function backUpWhenFree(deps: StoreDeps, folder: string, signal: AbortSignal): Promise<Backup> {
  const progress = createProgressLine(process.stderr)
  let backup: Backup | null = null
  const work = async () => {
    backup = await backUp(deps, {
      folder,
      signal,
      onProgress: (step, bytes) => progress.show(`${(bytes / mebibyte).toFixed(1)} MiB ${step}`),
    })
  }
  try {
    while (!signal.aborted && !(await runAlone(deps.sessionSql, 'back-up', work))) {
      progress.show('waiting for the backup of a worker to end')
      await sleep(askAgainMs)
    }
  } finally {
    progress.end()
  }
  if (backup === null) throw new Error('interrupted')
  return backup
}
