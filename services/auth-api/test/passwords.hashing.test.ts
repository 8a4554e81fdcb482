// Attacks: a stolen table of weak hashes; a flood of sign-ins that starves everything else; telling accounts by time.
// Alone: it starts servers and processes of its own.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createLogger } from '@latchkey/platform/logging/logger'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import t, { type Test } from 'tap'
import { createPasswordHasher } from '@latchkey/auth-api/features/passwords/password-hasher'

const settings = {
  argon2MemoryKib: 1024,
  argon2Time: 2,
  argon2Parallelism: 1,
  hashConcurrency: 1,
  hashQueueMax: 4,
  passwordPepper: null,
  passwordPepperPrevious: null,
  firebaseSignerKey: null,
}

function hasherFor(t: Test, changed: Partial<typeof settings> = {}) {
  const metrics = createMetrics('auth-api')
  const log = createLogger({ logLevel: 'silent', logPretty: false }, 'auth-api')
  const hasher = createPasswordHasher({ ...settings, ...changed }, metrics, log)
  t.teardown(() => hasher.close())
  return { hasher, metrics }
}

/** Children of this process, or of another, that run the entry. */
function hashingProcesses(parent: number | undefined = process.pid): number[] {
  const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
  return all
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, ppid, ...args]) => Number(ppid) === parent && args.join(' ').includes('hashing-process-entry'),
    )
    .map(([pid]) => Number(pid))
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const shared = hasherFor(t)

t.test('a hash is argon2id with the parameters in force and a salt of its own', async (t) => {
  const { hasher } = shared
  const [first, second] = await hasher.admit(async ({ hash }) => [
    await hash('a phrase of ours'),
    await hash('a phrase of ours'),
  ])
  t.match(first, /^\$argon2id\$v=19\$m=1024,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  t.not(first, second)
  await hasher.admit(async ({ verify }) => {
    t.equal(await verify(first, 'a phrase of ours'), true)
    t.equal(await verify(first, 'a phrase of ourS'), false)
    t.equal(await verify(first, 'a phrase of ours '), false, 'nothing is trimmed')
  })
})

t.test('one password in two spellings of Unicode is one password', async (t) => {
  const { hasher } = shared
  await hasher.admit(async ({ hash, verify }) => {
    t.equal(await verify(await hash('caf\u00e9 \ufb01ancé'), 'cafe\u0301 fiancé'), true)
  })
})

t.test('a hash is renewed when its parameters are weaker than those in force, and never weakened', (t) => {
  const { hasher } = shared
  const needsRehash = (head: string) =>
    hasher.needsRehash(`${head}$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA`, 'whatever it is')
  t.equal(needsRehash('$argon2id$v=19$m=1024,t=2,p=1'), false)
  t.equal(needsRehash('$argon2id$v=19$m=65536,t=3,p=4'), false)
  t.equal(needsRehash('$argon2id$v=19$m=512,t=2,p=1'), true)
  t.equal(needsRehash('$argon2id$v=19$m=1024,t=1,p=1'), true)
  t.equal(needsRehash('$argon2i$v=19$m=1024,t=2,p=1'), true)
  t.equal(needsRehash('$argon2id$v=16$m=1024,t=2,p=1'), true)
  t.equal(needsRehash('$argon2id$m=1024,t=2,p=1'), true)
  t.end()
})

t.test('nothing verifies against nothing, at the price of a hash', async (t) => {
  const { hasher } = shared
  const before = await countHashes()
  t.equal(await hasher.admit(({ verifyAgainstNothing }) => verifyAgainstNothing('whatever it is')), false)
  t.equal((await countHashes()) - before, 1)
})

t.test(
  'beyond the queue a sign-in is refused before it costs anything; who was admitted is served',
  async (t) => {
    const { hasher, metrics } = shared
    let begun = 0
    const answers = await Promise.allSettled(
      Array.from({ length: 12 }, async (_, index) =>
        hasher.admit(async ({ hash }) => {
          begun += 1
          const phc = await hash('a phrase of ours')
          if (index === 0)
            t.match(await metrics.registry.metrics(), /^password_hash_queue 3$/m, 'one of four has its turn')
          return phc
        }),
      ),
    )
    t.equal(begun, 5, 'one that hashes and four that wait')
    t.equal(answers.filter(({ status }) => status === 'fulfilled').length, 5)
    for (const answer of answers.slice(5))
      t.match(answer, {
        status: 'rejected',
        reason: { code: 'overloaded', status: 503, retryAfterSeconds: 1 },
      })
    t.type(await hasher.admit(({ hash }) => hash('room again')), 'string')
  },
)

t.test('a refused or failed sign-in gives its place back', async (t) => {
  const { hasher } = hasherFor(t, { hashQueueMax: 0 })
  await t.rejects(
    hasher.admit(async () => Promise.reject(new Error('no such luck'))),
    { message: 'no such luck' },
  )
  await t.rejects(
    hasher.admit(({ verify }) => verify('not a hash', 'a phrase of ours')),
    { message: 'is no hash of a known form' },
  )
  t.type(await hasher.admit(({ hash }) => hash('a phrase of ours')), 'string')
})

t.test('hashing yields to everything else', async (t) => {
  const { hasher } = shared
  await hasher.admit(({ hash }) => hash('a phrase of ours'))
  const [pid] = hashingProcesses()
  // On Linux each thread has a priority of its own, and it is not the first one that hashes.
  const threads = process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid!]
  for (const thread of threads) t.equal(getPriority(thread), constants.priority.PRIORITY_BELOW_NORMAL)
})

t.test(
  'when the hashing process is killed its sign-ins get 503, and the next one another process',
  async (t) => {
    const { hasher } = hasherFor(t, { argon2MemoryKib: 262_144, argon2Time: 20 })
    const others = hashingProcesses()
    const lost = hasher.admit(({ hash }) => hash('a phrase of ours'))
    const find = () => hashingProcesses().find((pid) => !others.includes(pid)) ?? null
    process.kill(await waitFor(find, { what: 'the hashing process' }), 'SIGKILL')
    await t.rejects(lost, { code: 'unavailable', retryAfterSeconds: 1 })
    const weaker = '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA'
    t.equal(await hasher.admit(({ verify }) => verify(weaker, 'a phrase of ours')), false)
  },
)

t.test('closing serves who was admitted, refuses who comes later and leaves no process', async (t) => {
  const others = hashingProcesses()
  const { hasher } = hasherFor(t)
  await hasher.admit(({ hash }) => hash('a phrase of ours'))
  const admitted = [1, 2, 3].map(() => hasher.admit(({ hash }) => hash('a phrase of ours')))
  const own = hashingProcesses().filter((pid) => !others.includes(pid))
  t.equal(own.length, 1)
  process.kill(own[0]!, 'SIGINT') // as Ctrl-C does
  const closed = hasher.close()
  await t.rejects(
    hasher.admit(({ hash }) => hash('too late')),
    { code: 'unavailable' },
  )
  t.equal((await Promise.all(admitted)).length, 3)
  await closed
  t.same(hashingProcesses(), others)
})

t.test('a service that is killed leaves no hashing process', async (t) => {
  const [execPath, ...execArgv] = plainNode
  const service = fork(new URL('./support/hashing-service.js', import.meta.url), { execPath, execArgv })
  await once(service, 'message')
  const [pid] = hashingProcesses(service.pid)
  t.type(pid, 'number')
  service.kill('SIGKILL')
  await waitFor(() => !isRunning(pid!), { what: 'the end of the hashing process', deadlineMs: 20_000 })
})

async function countHashes(): Promise<number> {
  const { values } = await shared.metrics.passwordHashDurationSeconds.get()
  return values.find(({ metricName }) => metricName?.endsWith('_count') === true)?.value ?? 0
}
