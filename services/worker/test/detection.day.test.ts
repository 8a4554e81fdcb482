// Attack: on the operator's patience. Rules that cry at a Monday morning are switched off, and those that stay must find each attack in it, once.
import t from 'tap'
import type { DetectedEvent } from '@latchkey/worker/detection/detected-event'
import { history, inOrder, normalDay, placeOf } from './support/normal-day.js'
import {
  createPlayer,
  fails,
  happens,
  hours,
  minutes,
  monday,
  range,
  seconds,
  signsIn,
} from './support/play-events.js'

const noon = monday + 12 * hours
const nine = monday + 9 * hours

const seeds = [1, 2]
const known = await Promise.all(
  seeds.map(async (seed) => {
    const player = createPlayer({ place: placeOf })
    const { told } = await player.play(history(seed), 5000)
    return { past: player.past, told }
  }),
)

function playDay(index: number, attack: readonly DetectedEvent[] = []) {
  const past = known[index]?.past
  const player = createPlayer({ place: placeOf, ...(past !== undefined && { past }) })
  return player.play(inOrder([...normalDay(seeds[index] ?? 0), ...attack]))
}

for (const [index, seed] of seeds.entries())
  t.test(`a normal day is silent on every rule (seed ${seed})`, async (t) => {
    t.same(known[index]?.told, [], 'the weeks before as well')
    t.same((await playDay(index)).told, [])
  })

const attacks: Record<string, { events: DetectedEvent[]; told: string[] }> = {
  'a list of stolen passwords, from one address, with a hit': {
    events: [
      ...range(90).map((n) => fails(nine + n * seconds, `user-${700 + n}`, { ip: '150.1.1.1' })),
      signsIn(nine + 60 * seconds, 'user-150', { ip: '150.1.1.1', data: { newDevice: true } }),
    ],
    told: [
      'credential-stuffing 150.1.1.1',
      'failures-then-success user-150',
      'new-device-new-country user-150',
      'impossible-travel user-150',
    ],
  },
  'one password for everybody, from a botnet': {
    events: range(900).map((n) =>
      fails(noon + n * seconds, `user-${600 + n * 2}`, { ip: `2${n % 50}.${n % 250}.9.9` }),
    ),
    told: ['password-spraying all accounts'],
  },
  'one account, patiently': {
    events: range(40).map((n) => fails(monday + n * 30 * minutes, 'user-777', { ip: `3${n % 9}.9.9.9` })),
    told: ['brute-force user-777'],
  },
  'a stolen password, and codes': {
    events: range(12).map((n) =>
      happens(noon + n * 20 * seconds, n % 5 === 0 ? 'mfa.challenged' : 'mfa.failed', {
        userId: 'user-404',
        ip: '44.9.9.9',
      }),
    ),
    told: ['mfa-fatigue user-404'],
  },
  'a shop of stolen accounts': {
    events: range(12).map((n) =>
      signsIn(noon + n * minutes, `user-${700 + n * 9}`, {
        ip: '45.9.9.9',
        userAgent: 'thief',
        data: { newDevice: true },
      }),
    ),
    told: ['many-accounts-one-device 45.9.9.9'],
  },
  'a stolen session, an admin made at night, and everything exported': {
    events: [
      happens(monday + 2 * hours, 'session.reuse_detected', { userId: 'user-2', ip: '46.9.9.9' }),
      happens(monday + 2 * hours, 'admin.acted', { actorId: 'user-2', userId: 'user-50', ip: '46.9.9.9' }),
      happens(monday + 2 * hours, 'roles.changed', {
        userId: 'user-50',
        actorId: 'user-2',
        ip: '46.9.9.9',
        data: { before: ['user'], after: ['user', 'admin'] },
      }),
      ...range(8).map((n) =>
        happens(monday + 3 * hours + n * minutes, 'user.exported', {
          userId: `user-${n * 30}`,
          ip: '46.9.9.9',
        }),
      ),
    ],
    told: [
      'refresh-reuse user-2',
      'admin-odd-hours user-2',
      'privilege-change user-50',
      'export-burst 46.9.9.9',
    ],
  },
}

t.test('of attacks on one day each is told, once, and nothing else', async (t) => {
  const { told } = await playDay(
    0,
    Object.values(attacks).flatMap(({ events }) => events),
  )
  const left = [...told]
  for (const [name, attack] of Object.entries(attacks)) {
    const found = attack.told.map((expected) =>
      left.splice(left.indexOf(expected), left.includes(expected) ? 1 : 0),
    )
    t.same(found.flat(), attack.told, name)
  }
  t.same(left, [])
})

t.test('an attacker with a million addresses and names leaves a row for each, and no long one', async (t) => {
  const flood = range(20_000).map((n) =>
    fails(noon + n * 10, null, {
      ip: `${10 + (n % 80)}.${(n >> 8) % 250}.${n % 250}.1`,
      data: { reason: 'unknown_account', target: `t${n}` },
    }),
  )
  const { kept, incidents } = await createPlayer().play(flood, 5000)
  t.ok(incidents.some(({ rule }) => rule === 'password-spraying'))
  t.ok(incidents.every(({ eventIds }) => eventIds.length <= 50))
  t.equal(kept.get('password-spraying/everywhere'), 1)
  t.equal(kept.get('brute-force/account'), undefined)
})

t.test('what comes late or out of order counts where it belongs', async (t) => {
  const guesses = range(10).map((n) => fails(noon + n * minutes, 'user-777'))
  const shuffled = [...guesses.slice(5), ...guesses.slice(0, 5)]
  t.same((await createPlayer().play(shuffled, 3)).told, ['brute-force user-777'])
  t.same((await createPlayer().play(guesses.toReversed(), 1)).told, ['brute-force user-777'])
})
