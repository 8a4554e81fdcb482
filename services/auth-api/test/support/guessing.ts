import type { ApiAnswer, TestApp } from './test-app.js'

export const wrong = 'not the phrase of anyone'

export const isLocked = ({ status, body }: ApiAnswer): boolean =>
  status === 429 && body['code'] === 'too_many_attempts'

export const secondsOf = ({ headers }: ApiAnswer): number => Number(headers['retry-after'])

/** What guessing leaves in the counters of one database, and what it costs. */
export function createGuesser(app: TestApp) {
  const { db, deps } = app
  let addresses = 0

  /** From an address of its own, so that no other limit has a say. */
  const guess = ({ api }: TestApp, body: object): Promise<ApiAnswer> => {
    addresses += 1
    return api('POST', '/login', {
      body: { password: wrong, ...body },
      ip: `198.18.${addresses >> 8}.${addresses & 255}`,
    })
  }

  /** Moves the clock of all counters. */
  const wait = (seconds: number) =>
    db`UPDATE guess_counters SET open_at = open_at - make_interval(secs => ${seconds})`

  /** With the pauses that are asked for between them. */
  async function fail(body: object, times: number): Promise<void> {
    for (let index = 0; index < times; index += 1) {
      await wait(60)
      const { status } = await guess(app, body)
      if (status !== 401) throw new Error(`answered ${status}`)
    }
  }

  async function costOf(work: () => Promise<void>): Promise<{ hashes: number; statements: number }> {
    const { passwordHashDurationSeconds, databaseQueryDurationSeconds } = deps.metrics
    const count = async () => {
      const [hashes, statements] = await Promise.all(
        [passwordHashDurationSeconds, databaseQueryDurationSeconds].map(async (metric) =>
          (await metric.get()).values
            .filter(({ metricName }) => metricName?.endsWith('_count') === true)
            .reduce((sum, { value }) => sum + value, 0),
        ),
      )
      return { hashes: hashes ?? 0, statements: statements ?? 0 }
    }
    const before = await count()
    await work()
    const after = await count()
    return { hashes: after.hashes - before.hashes, statements: after.statements - before.statements }
  }

  /** How many attempts are kept of an account: its row is the one that a failure more changes. */
  async function attemptsKeptOf(email: string): Promise<number> {
    const rows = async () =>
      new Map(
        (
          await db<{ subject: string; attempts: number }[]>`
            SELECT encode(subject, 'hex') AS subject, attempts FROM guess_counters`
        ).map(({ subject, attempts }) => [subject, attempts]),
      )
    const before = await rows()
    await guess(app, { email })
    const changed = [...(await rows())].find(([subject, attempts]) => before.get(subject) !== attempts)
    return (changed?.[1] ?? 0) - 1
  }

  return { guess, wait, fail, costOf, attemptsKeptOf }
}
