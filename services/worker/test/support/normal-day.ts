import type { DetectedEvent } from '@latchkey/worker/detection/detected-event'
import type { Place } from '@latchkey/worker/detection/places'
import { days, fails, happens, hours, minutes, monday, range, seconds, signsIn } from './play-events.js'

const users = 3000
const staff = 200
const officeAddress = '81.10.20.30'
const officeBrowser = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0'

/** The address says the country. Mobile networks and homes are where most people are. */
export function placeOf(ip: string | null): Place | null {
  const first = Number(ip?.split('.')[0])
  if (first < 100)
    return { country: 'DE', position: { latitude: 50 + first / 50, longitude: 9 + first / 30 } }
  if (first < 150) return { country: 'US', position: { latitude: 40.7, longitude: -74 } }
  return first < 200 ? { country: 'ES', position: { latitude: 40.4, longitude: -3.7 } } : null
}

/** Always the same for a seed (mulberry32). */
export function seeded(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return { next, upTo: (max: number) => Math.floor(next() * max), chance: (share: number) => next() < share }
}
type Dice = ReturnType<typeof seeded>

const user = (n: number): string => `user-${n}`
const homeOf = (n: number): string => `${20 + (n % 50)}.${(n >> 8) % 250}.${n % 250}.${(n * 7) % 250}`
const phoneOf = (dice: Dice): string =>
  `9${dice.upTo(9)}.${dice.upTo(250)}.${dice.upTo(250)}.${dice.upTo(250)}`
const isStaff = (n: number): boolean => n < staff
const hasFactor = (n: number): boolean => n % 4 === 0
/** Their VPN ends abroad, and is on every other time. */
const hasVpn = (n: number): boolean => n % 150 === 7
const vpnOf = (n: number): string => `140.9.${n % 250}.1`

/** What a person does to get in, with what goes wrong before. */
function signInOf(
  dice: Dice,
  n: number,
  at: number,
  fields: Partial<DetectedEvent>,
  mistakes = 0,
): DetectedEvent[] {
  const events = range(mistakes).map((mistake) =>
    fails(at - (mistakes - mistake) * 12 * seconds, user(n), fields),
  )
  let now = at
  if (hasFactor(n)) {
    events.push(happens(now, 'mfa.challenged', { userId: user(n), ...fields, data: { amr: ['pwd'] } }))
    const wrongCodes = dice.chance(0.1) ? 1 + dice.upTo(3) : 0
    for (const _ of range(wrongCodes))
      events.push(
        happens((now += 20 * seconds), 'mfa.failed', {
          userId: user(n),
          ...fields,
          data: { reason: 'wrong_code' },
        }),
      )
    now += 15 * seconds
  }
  return [...events, signsIn(now, user(n), fields)]
}

const mistakesOf = (dice: Dice, share: number): number => (dice.chance(share) ? 1 + dice.upTo(3) : 0)

/** Three weeks of sign-ins and of admins at work, so that everybody is known. */
export function history(seed: number): DetectedEvent[] {
  const dice = seeded(seed)
  const events: DetectedEvent[] = []
  // Whoever uses a VPN did so before: the first time is one that the rule tells.
  events.push(
    ...range(users)
      .filter(hasVpn)
      .map((n) => signsIn(monday - 22 * days, user(n), { ip: vpnOf(n) })),
  )
  for (const day of range(21).map((back) => monday - (21 - back) * days)) {
    const isWeekend = [0, 6].includes(new Date(day).getUTCDay())
    for (const n of range(users)) {
      if (isStaff(n) && !isWeekend)
        events.push(signsIn(day + 9 * hours, user(n), { ip: officeAddress, userAgent: officeBrowser }))
      if (dice.chance(0.12)) events.push(signsIn(day + 19 * hours, user(n), { ip: homeOf(n) }))
      if (hasVpn(n) && dice.chance(0.2)) events.push(signsIn(day + 20 * hours, user(n), { ip: vpnOf(n) }))
    }
    if (!isWeekend) events.push(...range(4).flatMap((admin) => shiftOf(admin, day)))
  }
  return inOrder(events)
}

function shiftOf(admin: number, day: number): DetectedEvent[] {
  const acted = (at: number) =>
    happens(at, 'admin.acted', { actorId: user(admin), userId: user(1000 + admin), ip: officeAddress })
  return range(9).map((hour) => acted(day + (8 + hour) * hours + (7 + admin) * minutes))
}

/** A Monday of an installation with thousands of users, and with all that goes wrong without anybody meaning harm. */
export function normalDay(seed: number): DetectedEvent[] {
  const dice = seeded(seed)
  const day = monday
  const events: DetectedEvent[] = []
  const during = (from: number, to: number): number => day + from * hours + dice.next() * (to - from) * hours

  // Two hundred people come to work, and every fifth has forgotten something over the weekend.
  for (const n of range(staff)) {
    const office = { ip: officeAddress, userAgent: officeBrowser }
    events.push(...signInOf(dice, n, during(8.9, 9.2), office, mistakesOf(dice, 0.2)))
  }
  // The others over the day, at home and with phones that roam.
  const travellers = new Set(range(40).map((index) => 1001 + index * 13))
  for (const n of range(users).slice(staff)) {
    if (travellers.has(n)) continue
    for (const _ of range(dice.upTo(4))) {
      const ip = hasVpn(n) && dice.chance(0.5) ? vpnOf(n) : dice.chance(0.4) ? phoneOf(dice) : homeOf(n)
      events.push(...signInOf(dice, n, during(6, 23.5), { ip }, mistakesOf(dice, 0.08)))
    }
  }
  // Names that nobody has: mistyped at the office, and tried by the noise of the internet.
  const unknown = (at: number, ip: string): DetectedEvent =>
    fails(at, null, { ip, data: { reason: 'unknown_account', target: `t${dice.upTo(1e9)}` } })
  events.push(...range(6).map(() => unknown(during(8.9, 9.2), officeAddress)))
  events.push(...range(120).map(() => unknown(during(0, 24), `1${dice.upTo(99)}.${dice.upTo(250)}.7.7`)))
  // New phones, set up at home or on the road; travellers with what they always carry.
  for (const n of range(30).map((index) => 500 + index * 11))
    events.push(
      ...signInOf(
        dice,
        n,
        during(9, 21),
        { ip: dice.chance(0.5) ? homeOf(n) : phoneOf(dice), data: { newDevice: true } },
        mistakesOf(dice, 0.3),
      ),
    )
  for (const n of travellers) {
    events.push(signsIn(day + 5 * hours, user(n), { ip: homeOf(n) }))
    events.push(signsIn(during(12, 22), user(n), { ip: `160.${n % 250}.1.1` }))
  }
  // A password manager that fills in the old password, until somebody sets a new one. And some who give up.
  for (const n of range(12).map((index) => 1700 + index * 3)) {
    const at = during(8, 22)
    const home = { ip: homeOf(n) }
    events.push(...range(6).map((guess) => fails(at + guess * 20 * seconds, user(n), home)))
    events.push(happens(at + 6 * minutes, 'password.reset', { userId: user(n), ...home }))
    events.push(signsIn(at + 7 * minutes, user(n), home))
  }
  for (const n of range(30).map((index) => 2300 + index * 5)) {
    const at = during(8, 22)
    events.push(...range(5).map((guess) => fails(at + guess * 40 * seconds, user(n), { ip: homeOf(n) })))
  }
  // A phone whose clock is wrong.
  for (const n of [2600, 2604]) {
    const at = during(10, 20)
    events.push(happens(at, 'mfa.challenged', { userId: user(n), ip: homeOf(n) }))
    events.push(
      ...range(5).map((code) =>
        happens(at + (code + 1) * 30 * seconds, 'mfa.failed', { userId: user(n), ip: homeOf(n) }),
      ),
    )
  }
  // A class that registers, people who ask for their data, admins at work, and an auditor.
  for (const n of range(30)) {
    const pupil = { userId: `pupil-${n}`, ip: '85.1.2.3', userAgent: 'School/1.0' }
    const at = during(10, 10.3)
    events.push(happens(at, 'user.registered', pupil), happens(at + 1, 'login.succeeded', pupil))
  }
  for (const n of [310, 310, 420, 1530, 2640])
    events.push(happens(during(9, 22), 'user.exported', { userId: user(n), ip: homeOf(n) }))
  events.push(...range(4).flatMap((admin) => shiftOf(admin, day)))
  events.push(happens(day + 18.5 * hours, 'admin.acted', { actorId: user(1), ip: officeAddress }))
  const auditor = { before: ['user'], after: ['user', 'auditor'] }
  events.push(happens(during(9, 16), 'roles.changed', { userId: user(9), actorId: user(1), data: auditor }))
  for (const type of [
    'session.revoked',
    'session.generation_recovered',
    'rate_limit.exceeded',
    'alert.raised',
  ] as const)
    events.push(...range(50).map((n) => happens(during(0, 24), type, { userId: user(n * 17) })))
  return inOrder(events)
}

export function inOrder(events: readonly DetectedEvent[]): DetectedEvent[] {
  return events.toSorted((a, b) => a.at - b.at)
}
