/** What the worker counts now and then, for those who may see it. */
export const statisticNames = [
  'users',
  'users_disabled',
  'users_unverified',
  'users_with_second_factor',
  'sessions_active',
] as const
export type StatisticName = (typeof statisticNames)[number]

/** What is left of the last good backup, whichever worker made it. */
export const backupFigureNames = ['backup_completed_at', 'backup_bytes', 'backup_duration_ms'] as const
export type BackupFigureName = (typeof backupFigureNames)[number]
