// Attack: each that a rule is for, at its threshold and one below it; and whoever does by accident what an attacker does on purpose.
import t from 'tap'
import {
  createPlayer,
  days,
  fails,
  happens,
  hours,
  minutes,
  monday,
  range,
  seconds,
  signsIn,
  toldOf,
  twoCountries,
} from './support/play-events.js'

const at = monday + 10 * hours
const elsewhere = '198.51.100.9'

t.test('brute-force: ten wrong passwords an hour, or thirty a day', async (t) => {
  const guesses = (count: number, apart: number) => range(count).map((n) => fails(at + n * apart, 'ada'))
  t.same(await toldOf(guesses(9, minutes)), [])
  t.same(await toldOf(guesses(10, minutes)), ['brute-force ada'])
  t.same(await toldOf(guesses(60, minutes)), ['brute-force ada'], 'once')
  t.same(await toldOf(guesses(29, 45 * minutes)), [])
  t.same(await toldOf(guesses(30, 45 * minutes)), ['brute-force ada'], 'who waits in between')
  const lockout = happens(at + hours / 2, 'login.locked', { userId: 'ada', data: { device: false } })
  t.same(await toldOf([...guesses(3, minutes), lockout]), ['brute-force ada'], 'a lockout is most of it')
  t.same(await toldOf([...guesses(2, minutes), lockout]), [], 'and by itself nothing: codes lock as well')
  const home = signsIn(at - days, 'ada')
  const typos = range(9).map((n) => fails(at + (20 + n) * minutes, 'ada'))
  t.same(await toldOf([home, ...guesses(9, minutes), signsIn(at + 10 * minutes, 'ada'), ...typos]), [])
  const owner = signsIn(at + 5 * minutes, 'ada', { ip: elsewhere })
  t.same(
    await toldOf([...guesses(5, minutes), owner, ...guesses(5, minutes)]),
    ['brute-force ada'],
    'a sign-in from elsewhere clears nothing of the guesser',
  )
  t.same(await toldOf(range(100).map((n) => fails(at + n, null))), ['credential-stuffing 203.0.113.7'])
  const disabled = { data: { reason: 'account_disabled' } }
  t.same(
    await toldOf(range(50).map((n) => fails(at + n, 'ada', disabled))),
    [],
    'a right password is no guess',
  )
})

t.test('an incident is one for as long as it goes on, and the next one another', async (t) => {
  const { play } = createPlayer()
  const burst = (from: number, count: number) => range(count).map((n) => fails(from + n * minutes, 'ada'))
  const { incidents } = await play(burst(at, 10), 3)
  t.match(incidents, [
    { rule: 'brute-force', subject: 'ada', userId: 'ada', severity: 'warning', ip: '203.0.113.7', count: 10 },
  ])
  t.equal(incidents[0]?.eventIds.length, 10)
  t.equal(incidents[0]?.firstAt, new Date(at).toISOString())
  t.equal(incidents[0]?.lastAt, new Date(at + 9 * minutes).toISOString())
  await play(burst(at + 30 * minutes, 10))
  t.equal(incidents.length, 2)
  t.equal(incidents[1]?.firstAt, incidents[0]?.firstAt, 'goes on')
  await play(burst(at + 90 * minutes, 1))
  t.equal(incidents.length, 2, 'one more failure is none')
  t.same((await play(burst(at + 5 * hours, 10))).told, ['brute-force ada', 'brute-force ada'])
})

t.test('credential-stuffing: accounts that fail from one place and do not get in', async (t) => {
  const from = (count: number, ip: (n: number) => string = () => '203.0.113.7') =>
    range(count).map((n) => fails(at + n * seconds, `user-${n}`, { ip: ip(n) }))
  t.same(await toldOf(from(19)), [])
  t.same(await toldOf(from(20)), ['credential-stuffing 203.0.113.7'])
  t.same(await toldOf(from(100)), ['credential-stuffing 203.0.113.7'], 'once, and not for the network too')
  t.same(await toldOf(range(19).map((n) => fails(at + n * minutes, `user-${n}`))), [], 'slower')
  t.same(await toldOf(from(40, (n) => `203.0.113.${n % 8}`)), ['credential-stuffing 203.0.113.0/24'])
  t.same(await toldOf(from(39, (n) => `203.0.113.${n % 8}`)), [])
  t.same(
    await toldOf(from(20, (n) => `2001:db8:1:2::${n + 1}`)),
    ['credential-stuffing 2001:db8:1:2::/64'],
    'a /64 is one customer',
  )
  t.same(await toldOf(from(40, (n) => `2001:db8:1:${n % 8}::1`)), ['credential-stuffing 2001:db8:1::/48'])
  const office = range(60).flatMap((n) => [
    fails(at + n * seconds, `user-${n}`),
    signsIn(at + (n + 10) * seconds, `user-${n}`),
  ])
  t.same(await toldOf(office), [], 'who gets in afterwards does not count')
  const names = (targets: number) =>
    range(100).map((n) =>
      fails(at + n * seconds, null, { data: { reason: 'unknown_account', target: `t${n % targets}` } }),
    )
  t.same(await toldOf(names(19)), [], 'ten tries at one name are one')
  t.same(await toldOf(names(20)), ['credential-stuffing 203.0.113.7'])
  const own = range(300).map((n) => signsIn(at + n * seconds, `mine-${n % 30}`))
  const hidden = await toldOf([...own, ...from(60)].toSorted((a, b) => a.at - b.at))
  t.ok(hidden.includes('credential-stuffing 203.0.113.7'), 'accounts of the attacker’s own hide nothing')
})

t.test('password-spraying: accounts that fail everywhere, beyond what the traffic explains', async (t) => {
  const sprayed = (count: number, networks = count) =>
    range(count).map((n) => fails(at + n * seconds, `user-${n}`, { ip: `10.${n % networks}.0.1` }))
  t.same(await toldOf(sprayed(19)), [])
  t.same(await toldOf(sprayed(20)), ['password-spraying all accounts'])
  t.same(await toldOf(sprayed(90)), ['password-spraying all accounts'])
  t.same(await toldOf(sprayed(18, 6)), [], 'of one network three count')
  t.same(await toldOf(sprayed(60, 6)), [])
  const busy = range(500)
    .map((n) => signsIn(at - n * seconds, `other-${n}`))
    .toReversed()
  t.same(await toldOf([...busy, ...sprayed(99)]), [], 'one in five of those who sign in')
  t.same(await toldOf([...busy, ...sprayed(101)]), ['password-spraying all accounts'])
})

t.test('many-accounts-one-device: a device that is new to each of them, in a network that is', async (t) => {
  const seen = range(10).map((n) => signsIn(at - days, `user-${n}`, { ip: '192.0.2.1' }))
  const taken = (count: number, fields = {}) =>
    range(count).map((n) => signsIn(at + n * minutes, `user-${n}`, { data: { newDevice: true }, ...fields }))
  t.same(await toldOf([...seen, ...taken(4)]), [])
  t.same(await toldOf([...seen, ...taken(5)]), ['many-accounts-one-device 203.0.113.7'])
  t.same(await toldOf([...seen, ...taken(10, { data: {} })]), [], 'an office with a new address')
  t.same(await toldOf([...seen, ...taken(10, { ip: '192.0.2.9' })]), [], 'new laptops in an office')
  const browsers = taken(10).map((event, n) => ({ ...event, userAgent: `Browser ${n}` }))
  t.same(await toldOf([...seen, ...browsers]), [])
})

t.test('new-device-new-country: neither alone', async (t) => {
  const home = signsIn(at - days, 'ada')
  const abroad = (data: object) => signsIn(at, 'ada', { ip: elsewhere, data: { ...data } })
  const told = ['new-device-new-country ada']
  t.same(await toldOf([home, abroad({ newDevice: true })], twoCountries), told)
  t.same(await toldOf([home, abroad({})], twoCountries), [])
  t.same(await toldOf([home, signsIn(at, 'ada', { data: { newDevice: true } })], twoCountries), [])
  t.same(await toldOf([abroad({ newDevice: true })], twoCountries), [], 'nobody knows where she lives')
  t.same(await toldOf([home, abroad({ newDevice: true })]), [], 'nor, without GEOIP_DB, where this is')
  const before = signsIn(at - 30 * days, 'ada', { ip: elsewhere })
  t.same(await toldOf([before, home, abroad({ newDevice: true })], twoCountries), [])
})

t.test('impossible-travel: faster than an airliner, into a country that is new', async (t) => {
  const travels = (tookHours: number, ...before: ReturnType<typeof signsIn>[]) => [
    ...before,
    signsIn(at - tookHours * hours, 'ada'),
    signsIn(at, 'ada', { ip: elsewhere }),
  ]
  const { incidents, told } = await createPlayer({ place: twoCountries }).play(travels(6))
  t.same(told, ['impossible-travel ada'])
  t.match(incidents, [{ data: { from: 'DE', to: 'US', minutes: 360 }, severity: 'critical', ip: elsewhere }])
  t.ok(Math.abs(Number(incidents[0]?.data['km']) - 6385) < 20, 'from Berlin to New York')
  t.same(await toldOf(travels(7), twoCountries), [])
  const vpn = signsIn(at - 3 * days, 'ada', { ip: elsewhere })
  t.same(await toldOf(travels(1, vpn), twoCountries), [], 'a VPN that was used before')
  const countriesAlone = (ip: string | null) => {
    const place = twoCountries(ip)
    return place && { ...place, position: null }
  }
  t.same(await toldOf(travels(1), countriesAlone), [])
})

t.test('refresh-reuse: the first one', async (t) => {
  const reuse = (userId: string, after = 0) =>
    happens(at + after, 'session.reuse_detected', { userId, data: { storedGeneration: 3 } })
  t.same(await toldOf([reuse('ada')]), ['refresh-reuse ada'])
  t.same(await toldOf([reuse('ada'), reuse('ada', minutes), reuse('bob')]), [
    'refresh-reuse ada',
    'refresh-reuse bob',
  ])
  t.same(await toldOf([reuse('ada'), reuse('ada', 3 * hours)]), ['refresh-reuse ada', 'refresh-reuse ada'])
  t.same(await toldOf([happens(at, 'session.generation_recovered', { userId: 'ada' })]), [])
})

t.test('mfa-fatigue: challenges and codes, but for what the owner gets right in the end', async (t) => {
  const fumbles = (count: number, fields = {}) =>
    range(count).map((n) =>
      happens(at + n * minutes, n % 4 === 0 ? 'mfa.challenged' : 'mfa.failed', { userId: 'ada', ...fields }),
    )
  t.same(await toldOf(fumbles(7)), [])
  t.same(await toldOf(fumbles(8)), ['mfa-fatigue ada'])
  t.same(await toldOf([...fumbles(7), signsIn(at + 7 * minutes, 'ada'), ...fumbles(7)]), [])
  const owner = signsIn(at + 4 * minutes, 'ada', { ip: elsewhere })
  t.same(await toldOf([...fumbles(4), owner, ...fumbles(4)]), ['mfa-fatigue ada'])
  t.same(
    await toldOf(range(20).map((n) => happens(at + n * hours, 'mfa.challenged', { userId: 'ada' }))),
    ['mfa-fatigue ada'],
    'once an hour, all day',
  )
})

t.test('failures-then-success: somebody whom the account does not know', async (t) => {
  const told = ['failures-then-success ada']
  const before = signsIn(at - days, 'ada', { ip: elsewhere })
  const guesses = (count: number) => range(count).map((n) => fails(at + n * minutes, 'ada'))
  const hit = signsIn(at + 10 * minutes, 'ada')
  t.same(await toldOf([before, ...guesses(5), hit]), [])
  t.same(await toldOf([before, ...guesses(6), hit]), told)
  t.same(await toldOf([signsIn(at - days, 'ada'), ...guesses(6), hit]), [], 'the owner at home')
  t.same(
    await toldOf([signsIn(at - days, 'ada'), ...guesses(6), { ...hit, data: { newDevice: true } }]),
    [],
    'nor on a new device at home',
  )
  const atHome = range(4).map((n) => fails(at + n * seconds, 'ada', { ip: elsewhere }))
  t.same(await toldOf([before, ...atHome, ...guesses(5), hit]), [], 'what went wrong at home is the owner’s')
  const reset = happens(at + 9 * minutes, 'password.reset', { userId: 'ada' })
  t.same(await toldOf([before, ...guesses(6), reset, hit]), [], 'who has set a new password')

  const others = (count: number) => range(count).map((n) => fails(at + n * seconds, `user-${n}`))
  t.same(await toldOf([before, ...others(14), hit]), [])
  t.same(await toldOf([before, ...others(15), hit]), told, 'the account that stuffing has got into')
  const challenged = happens(at + 10 * minutes, 'mfa.challenged', { userId: 'ada' })
  t.same(await toldOf([before, ...others(15), challenged]), told, 'also where a second factor is left')
  t.same(await toldOf([signsIn(at - days, 'ada'), ...others(15), hit]), [], 'a colleague meanwhile')
  const first = range(14).map((n) => fails(at + n * seconds, `user-${n}`))
  t.same(await toldOf([before, ...first, fails(at, 'ada'), hit]), [], 'whose own failure is not another’s')
})

t.test('privilege-change: whoever becomes an admin', async (t) => {
  const change = (before: string[], after: string[], actorId: string | null = 'root') =>
    happens(at, 'roles.changed', { userId: 'ada', actorId, data: { before, after } })
  t.same(await toldOf([change(['user'], ['user', 'admin'])]), ['privilege-change ada'])
  t.same(await toldOf([change([], ['user', 'admin'], null)]), ['privilege-change ada'], 'the first one')
  t.same(await toldOf([change(['user', 'admin'], ['user'])]), [])
  t.same(await toldOf([change(['user', 'admin'], ['user', 'admin', 'auditor'])]), [])
  t.same(await toldOf([change(['user'], ['user', 'auditor'])]), [])
  t.same(await toldOf([happens(at, 'roles.changed', { userId: 'ada', data: { after: 'admin' } })]), [])
})

t.test('admin-odd-hours: by what this admin is used to', async (t) => {
  const acts = (when: number) => happens(when, 'admin.acted', { actorId: 'root', userId: 'ada' })
  const shifts = (count: number) =>
    range(count).flatMap((day) => range(9).map((n) => acts(monday - (count - day) * days + (8 + n) * hours)))
  const night = monday + 3 * hours
  t.same(await toldOf([...shifts(10), acts(night)]), ['admin-odd-hours root'])
  t.same(await toldOf([...shifts(9), acts(night)]), [], 'not known yet')
  t.same(await toldOf([...shifts(10), acts(monday + 18 * hours)]), [], 'overtime')
  t.same(await toldOf([...shifts(10), acts(monday + 19 * hours)]), ['admin-odd-hours root'])
  t.same(await toldOf([...shifts(10), ...range(60).map((n) => acts(night + n * minutes))]), [
    'admin-odd-hours root',
  ])
  const again = range(2).map((n) => acts(night + n * days))
  t.same((await toldOf([...shifts(10), ...again])).length, 2, 'one night is no habit')
  const habit = range(3).map((n) => acts(night + n * days))
  t.same((await toldOf([...shifts(10), ...habit])).length, 2, 'two are')
  const late = range(10).flatMap((day) => [acts(monday - (10 - day) * days + 23 * hours)])
  t.same(await toldOf([...late, acts(monday + hours)]), [], 'hours go round')
})

t.test('export-burst: of an account, from an address, everywhere', async (t) => {
  const exports = (
    count: number,
    who: (n: number) => string,
    ip: (n: number) => string = () => '203.0.113.7',
  ) => range(count).map((n) => happens(at + n * minutes, 'user.exported', { userId: who(n), ip: ip(n) }))
  const each = (n: number) => `user-${n}`
  t.same(await toldOf(exports(3, () => 'ada')), [])
  t.same(await toldOf(exports(4, () => 'ada')), ['export-burst ada'])
  t.same(await toldOf(exports(4, each)), [])
  t.same(await toldOf(exports(5, each)), ['export-burst 203.0.113.7'])
  t.same(await toldOf(exports(29, each, (n) => `10.0.${n}.1`)), [])
  t.same(await toldOf(exports(30, each, (n) => `10.0.${n}.1`)), ['export-burst all accounts'])
})
