// Attack: a tab that is frozen, closed or killed while it is the one that refreshes, and all others with it.
import { webStorageStore } from '@latchkey/client'
import t from 'tap'
import { holdTime, pass } from './support/held-time.js'

holdTime(t)

function openTabs() {
  const kept = new Map<string, string>()
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
  const held: string[] = []
  const lock = async (name: string, isNeeded = () => true) => {
    const release = await webStorageStore(storage).lock?.(isNeeded)
    held.push(name)
    return release
  }
  return { kept, held, lock }
}

t.test('a lease', async (t) => {
  await t.test('is one tab’s at a time, also when two have asked at once', async (t) => {
    const { held, lock } = openTabs()
    const [first, second] = [lock('first'), lock('second')]
    await pass(15)
    t.equal(held.length, 1)
    await pass(100)
    t.equal(held.length, 1)
    const release = await Promise.race([first, second])
    release?.()
    await pass(50)
    await pass(15)
    t.equal(held.length, 2)
  })

  await t.test('ends by itself, and its late holder does not end the next', async (t) => {
    const { kept, held, lock } = openTabs()
    const frozen = lock('frozen')
    await pass(15)
    const release = await frozen
    await pass(5_001)
    const next = lock('next')
    await pass(15)
    await next
    t.same(held, ['frozen', 'next'])
    const lease = kept.get('latchkey:lock')
    release?.()
    t.equal(kept.get('latchkey:lock'), lease)
  })

  await t.test('is not waited for when there is nothing to refresh any more', async (t) => {
    const { held, lock } = openTabs()
    const first = lock('first')
    await pass(15)
    await first
    let isNeeded = true
    const second = lock('second', () => isNeeded)
    await pass(50)
    t.same(held, ['first'])
    isNeeded = false
    await pass(50)
    await second
    t.same(held, ['first', 'second'])
  })

  await t.test('that seems to end in years was written by another clock', async (t) => {
    const { kept, held, lock } = openTabs()
    kept.set('latchkey:lock', `somebody ${Date.now() + 10 ** 12}`)
    const taken = lock('next')
    await pass(15)
    await taken
    t.same(held, ['next'])
  })
})
