/** What the worker counts now and then, for those who may see it. */
export const statisticNames = [
  'users',
  'users_disabled',
  'users_unverified',
  'users_with_second_factor',
  'sessions_active',
] as const
export type StatisticName = (typeof statisticNames)[number]
