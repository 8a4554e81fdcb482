import { cpuSecondsOf, cpuSecondsOfTree } from './cpu.js'
import { runLoad, type Load } from './load/load.js'

export interface Figures {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** User and system time of the serving process, divided by the requests. */
  serverCpuUs: number
  /** The same of PostgreSQL, all its processes together. */
  postgresCpuUs: number
}

export interface Contender {
  who: string
  pid: number
  load: () => Promise<Load> | Load
}

const warmUpSeconds = 2

/**
 * Measures each contender `runs` times, taking turns, so that whatever else the machine does falls on all of them; answers the median
 * of each figure, in the contenders' order.
 */
export async function compare<const C extends readonly Contender[]>(
  contenders: C,
  { runs, postgresPid, progress }: { runs: number; postgresPid: number; progress: (text: string) => void },
): Promise<{ -readonly [Index in keyof C]: Figures }> {
  for (const { who, load } of contenders) {
    progress(`warming up: ${who}`)
    await runLoad({ ...(await load()), seconds: warmUpSeconds })
  }
  const measured = contenders.map((): Figures[] => [])
  for (let run = 1; run <= runs; run += 1) {
    for (const [index, contender] of contenders.entries()) {
      progress(`run ${run} of ${runs}: ${contender.who}`)
      measured[index]?.push(await measureLoad(contender, postgresPid))
    }
  }
  return measured.map(medianFigures) as { -readonly [Index in keyof C]: Figures }
}

/** One run. An answer that is not a success makes no figure: it throws. */
async function measureLoad(contender: Contender, postgresPid: number): Promise<Figures> {
  const load = await contender.load()
  const before = { server: cpuSecondsOf(contender.pid), postgres: cpuSecondsOfTree(postgresPid) }
  const result = await runLoad(load)
  const server = cpuSecondsOf(contender.pid) - before.server
  const postgres = cpuSecondsOfTree(postgresPid) - before.postgres
  if (result.requests === 0 || result.failed > 0)
    throw new Error(`${result.failed} of ${result.requests} requests to ${load.url} failed`)
  return {
    requestsPerSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    serverCpuUs: (server * 1e6) / result.requests,
    postgresCpuUs: (postgres * 1e6) / result.requests,
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The median of each figure by itself. */
function medianFigures(runs: readonly Figures[]): Figures {
  const of = (name: keyof Figures) => median(runs.map((run) => run[name]))
  return {
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    serverCpuUs: of('serverCpuUs'),
    postgresCpuUs: of('postgresCpuUs'),
  }
}
