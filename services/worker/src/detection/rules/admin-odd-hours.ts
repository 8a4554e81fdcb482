import type { Rule } from '../rule.js'

/** Below so many days of work nobody knows an admin's hours. */
const daysToLearn = 10
/** Around an hour in which the admin was seen on other days: long enough for overtime, and for the clock's change in spring. */
const toleranceHours = 2
/** One night of work makes no habit. */
const daysOfHabit = 2

/**
 * An admin acts at an hour at which they never do, by their own last four weeks: a session or a password of theirs is in use while they
 * sleep. Hours are those of UTC; nobody need tell where admins live.
 */
export const adminOddHours: Rule = {
  name: 'admin-odd-hours',
  severity: 'warning',
  reason: 'An admin acted at an hour at which they never do.',
  concerns: ['admin.acted'],
  watches: { admin: { counts: 'events', spans: [{ seconds: 4 * 3600, threshold: 1 }] } },
  look: ({ at, actorId, ip }, view) => {
    if (actorId === null) return []
    const hour = Math.floor(at / 3_600_000)
    const hours = view.actHours()
    if (!isOdd(hour, hours)) return []
    const about = { subject: actorId, userId: actorId, ip, data: { hourUtc: hour % 24 } }
    return [{ does: 'adds', watch: 'admin', key: actorId, about }]
  },
}

function isOdd(hour: number, hours: readonly number[]): boolean {
  // What was done in the last hours belongs to the same night.
  const before = hours.filter((other) => hour - other > 12)
  const days = (some: readonly number[]): number => new Set(some.map((other) => Math.floor(other / 24))).size
  if (days(before) < daysToLearn) return false
  return days(before.filter((other) => isNear(other, hour))) < daysOfHabit
}

function isNear(a: number, b: number): boolean {
  const apart = Math.abs((a % 24) - (b % 24))
  return Math.min(apart, 24 - apart) <= toleranceHours
}
