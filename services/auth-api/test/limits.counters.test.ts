// Attack: more attempts than allowed, by flooding the counters, or while Redis is away.
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import t from 'tap'
import { addressBlock } from '@latchkey/auth-api/limits/address-block'
import { createMemoryCounters } from '@latchkey/auth-api/limits/memory-counters'
import { createTurns } from '@latchkey/auth-api/limits/turns'

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest()
const minute = 60_000

t.test('in memory a window counts, ends and starts anew', async (t) => {
  let now = 5_000_000
  const counters = createMemoryCounters(() => now)
  for (let n = 1; n <= 5; n += 1) t.equal(counters.increment('loginAccount', hashOf('a'), minute).count, n)
  t.equal(counters.increment('loginAccount', hashOf('b'), minute).count, 1, 'another key')
  t.equal(counters.increment('loginAddress', hashOf('a'), minute).count, 1, 'another limit')
  const { resetMs } = counters.increment('loginAccount', hashOf('a'), minute)
  t.ok(resetMs >= minute && resetMs <= minute + 1000)
  now += minute - 1
  t.equal(
    counters.increment('loginAccount', hashOf('a'), minute).count,
    7,
    'an attempt does not move the window',
  )
  now += 1001
  t.equal(counters.increment('loginAccount', hashOf('a'), minute).count, 1)
})

t.test('in memory a flood of other keys never makes a count smaller', async (t) => {
  const counters = createMemoryCounters(() => 0)
  for (let n = 0; n < 10; n += 1) counters.increment('loginAddress', hashOf('victim'), minute)
  for (let n = 0; n < 200_000; n += 1) counters.increment('loginAddress', hashOf(`flood ${n}`), minute)
  t.ok(counters.increment('loginAddress', hashOf('victim'), minute).count >= 11)
})

t.test('in memory a thousand keys hardly ever share a count', async (t) => {
  const counters = createMemoryCounters(() => 0)
  let shared = 0
  for (let n = 0; n < 1000; n += 1) {
    if (counters.increment('generalAddress', hashOf(`address ${n}`), minute).count > 1) shared += 1
  }
  t.ok(shared <= 10, `${shared} of 1000`)
})

t.test('in memory any order of counting and clearing stays at or above the truth', async (t) => {
  const step = fc.record({ key: fc.nat(20), isClear: fc.boolean() })
  const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const counters = createMemoryCounters(() => 0)
    const truth = new Map<number, number>()
    return steps.every(({ key, isClear }) => {
      if (isClear) {
        counters.clear('loginAccount', hashOf(String(key)))
        truth.delete(key)
        return true
      }
      truth.set(key, (truth.get(key) ?? 0) + 1)
      return counters.increment('loginAccount', hashOf(String(key)), minute).count >= (truth.get(key) ?? 0)
    })
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('an address counts as what one customer gets', async (t) => {
  const blocks: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
  ]
  for (const [address, block] of blocks) t.equal(addressBlock(address), block, address)
})

t.test('what has one key takes turns, whatever becomes of the one before', async (t) => {
  const turns = createTurns()
  const seen: string[] = []
  const ends = new Map<string, () => void>()
  const take = (key: string, name: string, error?: Error) =>
    turns(key, async () => {
      seen.push(`${name} begins`)
      await new Promise<void>((resolve) => ends.set(name, resolve))
      if (error !== undefined) throw error
      return name
    })
  const first = take('a', 'first', new Error('failed'))
  const second = take('a', 'second')
  const third = take('a', 'third')
  const other = take('b', 'other')
  t.same(seen, ['first begins', 'other begins'])
  ends.get('first')?.()
  await t.rejects(first, { message: 'failed' })
  ends.get('other')?.()
  t.equal(await other, 'other')
  t.same(seen.slice(2), ['second begins'])
  ends.get('second')?.()
  t.equal(await second, 'second')
  ends.get('third')?.()
  t.equal(await third, 'third')
  const again = take('a', 'again')
  t.same(seen.slice(3), ['third begins', 'again begins'], 'nobody waits for what is over')
  ends.get('again')?.()
  t.equal(await again, 'again')
})
