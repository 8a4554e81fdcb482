// The promise: once a revocation is answered, no instance accepts the session's access tokens, whatever happens to Redis and to
// the ways to it. Random faults look for an order of events that breaks it.
// Alone: its tests run side by side.
import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import { layWire, viaWire } from './support/cuttable-wire.js'
import { startForgetfulRedis, startInstance } from './support/pipeline.js'
import { insertSessions, revokeInPostgres } from './support/sessions.js'

const instanceCount = 3
const someInstance = fc.nat({ max: instanceCount - 1 })

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('revoke' as const), by: someInstance, isAwaited: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('check' as const), by: someInstance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('flush', 'save', 'restart', 'stall' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('freeze', 'cut', 'mend' as const), wire: someInstance }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const runs = Number(process.env['LATCHKEY_TEST_RUNS'] ?? 6)
const tellers = 3
t.jobs = tellers // each world has its own stores, and is waited for most of the time

for (let teller = 0; teller < tellers; teller += 1) {
  t.test('what was revoked stays revoked, and what was not stays live', { timeout: 120_000 }, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
        await t.test('a story', async (t) => {
          const world = await startWorld(t)
          for (const next of steps) await world.take(next)
          await world.settle()
        })
        return t.passing()
      }),
      { numRuns: Math.ceil(runs / tellers), endOnFailure: true },
    )
  })
}

async function startWorld(t: Test) {
  const database = await createTestDatabase(t)
  const server = await startForgetfulRedis(t)
  const wires = await Promise.all(Array.from({ length: instanceCount }, () => layWire(t, server.port)))
  const instances = wires.map((wire) =>
    startInstance(t, { redisUrl: viaWire(server.url, wire), databaseUrl: database.url, keyPrefix: 'lk:' }),
  )
  const admin = startInstance(t, { redisUrl: server.url, databaseUrl: database.url, keyPrefix: 'lk:' }).redis
    .client
  const live = await insertSessions(database.owner, 60)
  const bystander = live.pop() ?? ''
  const underWay: Promise<void>[] = []
  // Every pair is checked once: an instance that has seen a revocation remembers it, and proves nothing when asked again.
  const unchecked: string[][] = instances.map(() => [])

  async function check(index: number): Promise<void> {
    const [session] = unchecked[index]?.splice(0, 1) ?? []
    if (session !== undefined) {
      t.equal(await instances[index]?.revocations.check(session, 1), 'revoked', `instance ${index}`)
    }
    t.equal(await instances[index]?.revocations.check(bystander, 1), 'live')
  }

  async function revoke(index: number): Promise<void> {
    const sessions = live.splice(0, 2)
    await revokeInPostgres(database.owner, sessions)
    await instances[index]?.revocations.revoke(sessions)
    for (const some of unchecked) some.push(...sessions)
  }

  async function restart(): Promise<void> {
    await server.kill()
    await server.start()
    await waitFor(() => admin.status === 'ready', { what: 'Redis' })
  }

  return {
    async take(next: Step): Promise<void> {
      switch (next.do) {
        case 'revoke': {
          const revoked = revoke(next.by)
          underWay.push(revoked)
          return next.isAwaited ? revoked : undefined
        }
        case 'check':
          return check(next.by)
        case 'flush':
          return void (await admin.flushall())
        case 'save':
          return void (await admin.save())
        case 'restart':
          return restart()
        case 'stall':
          process.kill(server.pid, 'SIGSTOP')
          await check(0)
          process.kill(server.pid, 'SIGCONT')
          return waitFor(() => admin.ping(), { what: 'Redis' }).then(() => undefined)
        default:
          return wires[next.wire]?.[next.do]()
      }
    },
    async settle(): Promise<void> {
      await Promise.all(underWay)
      for (const index of instances.keys()) {
        while (unchecked[index]?.length !== 0) await check(index)
      }
      for (const wire of wires) wire.mend()
    },
  }
}
