import fc from 'fast-check'
import { atHome, type Client, sameAgentElsewhere, stranger } from './session-driver.js'

export const clients: Record<string, Client> = { home: atHome, elsewhere: sameAgentElsewhere, stranger }
const who = fc.constantFrom('home', 'home', 'elsewhere', 'stranger')
const key = fc.constantFrom(undefined, undefined, 'first-key', 'second-key')

type Ending = 'logout' | 'logoutByToken' | 'endFromElsewhere' | 'passwordChange'
export type Step =
  | { kind: 'refresh'; back: number; key: string | undefined; who: string }
  | { kind: 'parallel'; times: number; back: number; key: string | undefined; who: string }
  | { kind: 'confirm'; back: number }
  | { kind: 'time'; seconds: number }
  | { kind: 'loseCommits'; count: number }
  | { kind: Ending }

const refreshing = fc.record({
  kind: fc.constant('refresh' as const),
  back: fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 5),
  key,
  who,
})
const parallel = fc.record({
  kind: fc.constant('parallel' as const),
  times: fc.integer({ min: 2, max: 6 }),
  back: fc.constantFrom(0, 0, 1, 2),
  key,
  who,
})
const confirming = fc.record({ kind: fc.constant('confirm' as const), back: fc.constantFrom(0, 0, 1, 2) })
const time = fc.record({
  kind: fc.constant('time' as const),
  seconds: fc.constantFrom(4, 4, 11, 30, 47, 100, 280, 3_600, 70_000, 300_000, 700_000),
})
const losing = fc.record({ kind: fc.constant('loseCommits' as const), count: fc.integer({ min: 1, max: 3 }) })
const ending = fc.record({
  kind: fc.constantFrom(
    'logout' as const,
    'logoutByToken' as const,
    'endFromElsewhere' as const,
    'passwordChange' as const,
  ),
})

/** What chance alone rarely strings together: a rotation, perhaps confirmed or lost, and later its token or its parent again. */
const turn = fc
  .record({
    key,
    who,
    between: fc.constantFrom('nothing', 'confirm', 'confirm', 'lose', 'lose after confirm'),
    seconds: fc.constantFrom(0, 11, 30, 47, 200, 3_600, 80_000),
    again: fc.record({
      key: fc.option(key, { nil: 'the same' as const }),
      who: fc.option(who, { nil: 'the same' as const }),
    }),
    back: fc.constantFrom(0, 1, 1, 1),
  })
  .map(({ between, seconds, again, back, ...first }): Step[] => [
    { kind: 'refresh', back: 0, ...first },
    ...(between.includes('confirm') ? [{ kind: 'confirm', back: 0 } as const] : []),
    ...(between.includes('lose') ? [{ kind: 'loseCommits', count: 1 } as const] : []),
    { kind: 'time', seconds },
    {
      kind: 'refresh',
      back,
      key: again.key === 'the same' ? first.key : again.key,
      who: again.who === 'the same' ? first.who : again.who,
    },
  ])

const single = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({
  weight,
  arbitrary: arbitrary.map((step) => [step]),
})
/** What happens to one session, some of it strung together on purpose. */
export const commands = fc
  .array(
    fc.oneof(
      single(6, refreshing),
      single(2, parallel),
      single(2, confirming),
      single(4, time),
      single(1, losing),
      single(1, ending),
      { weight: 8, arbitrary: turn },
    ),
    { minLength: 2, maxLength: 8 },
  )
  .map((steps) => steps.flat())
