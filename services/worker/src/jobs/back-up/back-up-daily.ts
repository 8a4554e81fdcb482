import { backupFigureNames } from '@latchkey/contracts/statistics'
import { backUp } from '../../backups/back-up.js'
import { listBackupFigures } from '../../backups/queries.js'
import type { Deps } from '../../deps.js'

type DailyDeps = Pick<Deps, 'config' | 'log' | 'sql'>

/** A little less than a day: the turn that comes a day later must not come too early by seconds, and so an hour late. */
const dueAfterSeconds = 23.5 * 3600

/**
 * Asked every hour, acts once a day whatever the number of workers: what the last good backup has left in the database decides. So a
 * failure is made up for within the hour, and a worker without a folder leaves the turn to one that has it.
 */
export async function backUpDaily({ config, log, sql }: DailyDeps, signal: AbortSignal): Promise<void> {
  if (config.backupDir === null) return
  const last = new Map(
    (await listBackupFigures(sql, backupFigureNames)).map(({ name, value }) => [name, Number(value)]),
  )
  if (Date.now() / 1000 - (last.get('backup_completed_at') ?? 0) < dueAfterSeconds) return
  const backup = await backUp({ config, sql }, { folder: config.backupDir, signal })
  log.info({ ...backup, durationMs: Math.round(backup.durationMs) }, 'The database was backed up')
}

/** At a scrape: what the last good backup has left, so that all workers tell the same. */
export async function showLastBackup({ sql, metrics }: Pick<Deps, 'sql' | 'metrics'>): Promise<void> {
  const gauges = {
    backup_completed_at: { gauge: metrics.backupLastSuccessTimestampSeconds, unit: 1 },
    backup_bytes: { gauge: metrics.backupSizeBytes, unit: 1 },
    backup_duration_ms: { gauge: metrics.backupDurationSeconds, unit: 1000 },
  } as const
  for (const { name, value } of await listBackupFigures(sql, backupFigureNames)) {
    const { gauge, unit } = gauges[name]
    gauge.set(Number(value) / unit)
  }
}
