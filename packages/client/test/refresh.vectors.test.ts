// Property: the machine does what vectors/*.json says, which clients in other languages are tested with as well.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { step } from '@latchkey/client/refresh/machine'
import type { RefreshCall, RefreshEvent, RefreshState } from '@latchkey/client/refresh/protocol'
import t from 'tap'

interface Vectors {
  about: string
  cases: {
    name: string
    given: RefreshState
    steps: { event: RefreshEvent; calls: RefreshCall[]; state: RefreshState }[]
  }[]
}

const folder = fileURLToPath(new URL('../vectors/', import.meta.url))
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
const seenEvents = new Set<string>()
const seenCalls = new Set<string>()

for (const file of files) {
  const { about, cases } = JSON.parse(readFileSync(folder + file, 'utf8')) as Vectors
  t.test(`${file}: ${about}`, async (t) => {
    for (const { name, given, steps } of cases) {
      let state = given
      for (const [index, expected] of steps.entries()) {
        const before = structuredClone(state)
        const taken = step(state, expected.event)
        t.same(taken.calls, expected.calls, `${name}, ${index + 1}: calls after ${expected.event.event}`)
        t.same(taken.state, expected.state, `${name}, ${index + 1}: state after ${expected.event.event}`)
        t.same(state, before, 'what was is left alone')
        state = taken.state
        seenEvents.add(expected.event.event)
        for (const { call } of expected.calls) seenCalls.add(call)
      }
    }
  })
}

t.test('every event and every call is in them', async (t) => {
  t.same([...seenEvents].toSorted(), [
    'answered',
    'failed',
    'needed',
    'online',
    'rejected',
    'restored',
    'seen',
    'sign_out',
    'signed_in',
    'stepped_up',
    'user_changed',
    'woken',
  ])
  t.same([...seenCalls].toSorted(), ['clear', 'grant', 'refresh', 'refuse', 'revoke', 'save', 'tell', 'wake'])
})
