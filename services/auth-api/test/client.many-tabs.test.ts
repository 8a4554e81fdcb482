// Property: whatever the network does to the refreshes of many tabs, nobody is signed out and nobody is taken for a thief; and a sign-out reaches all.
import fc from 'fast-check'
import t from 'tap'
import { letTimePass, outboxTypes, storedSession } from './support/session-driver.js'
import { openTabs, type Fault } from './support/shared-tabs.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t)

const tabCount = 4
const faults: readonly Fault[] = [
  'none',
  'none',
  'request_lost',
  'answer_lost',
  'request_late',
  'answer_late',
]

type Step =
  | { does: 'call'; tab: number; fault: Fault; isAwaited: boolean }
  | { does: 'crash'; tab: number }
  | { does: 'deliver' }
  | { does: 'duplicate' }
  | { does: 'wait_an_hour' }

const tab = fc.nat({ max: tabCount - 1 })
const call = fc.record({
  does: fc.constant('call' as const),
  tab,
  fault: fc.constantFrom(...faults),
  isAwaited: fc.boolean(),
})
const other = fc.oneof(
  fc.record({ does: fc.constant('crash' as const), tab }),
  fc.constant({ does: 'deliver' as const }),
  fc.constant({ does: 'duplicate' as const }),
  fc.constant({ does: 'wait_an_hour' as const }),
)
const schedule: fc.Arbitrary<Step[]> = fc.array(fc.oneof({ arbitrary: call, weight: 3 }, other), {
  minLength: 4,
  maxLength: 16,
})

/** Plays one browser, and returns what it should not have come to. */
async function play(steps: readonly Step[]): Promise<string[]> {
  const tabs = await openTabs(app, tabCount)
  const underWay: Promise<boolean>[] = []
  for (const step of steps) {
    // Nothing is under way for an hour, nor for as long as it takes to rotate four times: the client gives up after 15 s.
    if (step.does === 'wait_an_hour' || underWay.length % 2 === 0) {
      tabs.deliver()
      await later(20)
    }
    if (step.does === 'crash') tabs.crash(step.tab)
    else if (step.does === 'deliver') tabs.deliver()
    else if (step.does === 'duplicate') await tabs.duplicate()
    else if (step.does === 'wait_an_hour') await letTimePass(db, tabs.sessionId, 3600)
    else {
      const calling = tabs.call(step.tab, step.fault)
      underWay.push(calling)
      if (step.isAwaited && !step.fault.endsWith('late')) await Promise.race([calling, later(30)])
    }
  }
  tabs.calm()
  await tabs.deliverUntil(Promise.all(underWay))

  const wrong: string[] = []
  const expect = (isSo: boolean, what: string): void => {
    if (!isSo) wrong.push(what)
  }
  for (let index = 0; index < tabCount; index += 1)
    expect(await tabs.call(index, 'none'), `tab ${index} goes on`)
  expect(tabs.signedOut() === 0, 'nobody is signed out')
  expect((await storedSession(db, tabs.sessionId)).revokedAt === null, 'the session lives')
  const events = await outboxTypes(db, tabs.sessionId)
  expect(!events.includes('session.reuse_detected'), 'nobody is taken for a thief')

  const calling = tabs.call(1, 'answer_late')
  expect(await tabs.signOut(0), 'the server hears of a sign-out')
  expect(!(await tabs.deliverUntil(calling)), 'a refresh that was under way brings nobody back')
  await later(5)
  expect(tabs.signedOut() === tabCount, 'a sign-out reaches every tab')
  expect((await storedSession(db, tabs.sessionId)).revokeReason === 'logout', 'the session has ended')
  tabs.close()
  return wrong
}

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

t.test('tabs of many browsers', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(schedule, { minLength: 40, maxLength: 40 }), async (browsers) => {
      const wrong = await Promise.all(browsers.map(play))
      const failed = wrong.flatMap((what, index) =>
        what.length > 0 ? [{ what, steps: browsers[index] }] : [],
      )
      if (failed.length > 0) throw new Error(JSON.stringify(failed[0]))
    }),
    { numRuns: 1, endOnFailure: true },
  )
  t.pass('every one of them stays signed in until it signs out')
})
