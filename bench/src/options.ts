import { parseArgs } from 'node:util'

export const workNames = [
  'refresh',
  'read',
  'introspection',
  'login',
  'flood',
  'cleanup',
  'import',
  'events',
  'audit',
] as const
export type WorkName = (typeof workNames)[number]

export interface Options {
  works: readonly WorkName[]
  /** Of each figure, the median is told. */
  runs: number
  /** How long one run of a load lasts. */
  seconds: number
  connections: number
  sessions: number
  /** In the log. */
  events: number
}

export const usage = `npm run bench -- [--only ${workNames.join('|')}] [--runs 3] [--seconds 4] [--connections 16] [--sessions 20000] [--events 200000]
--only may be given several times.`

/** Throws an `Error` that says what is wrong with the arguments. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true, default: [...workNames] },
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      connections: { type: 'string', default: '16' },
      sessions: { type: 'string', default: '20000' },
      events: { type: 'string', default: '200000' },
    },
  })
  return {
    works: values.only.map(readWork),
    runs: readCount('runs', values.runs, 1, 9),
    seconds: readCount('seconds', values.seconds, 1, 60),
    connections: readCount('connections', values.connections, 1, 64),
    sessions: readCount('sessions', values.sessions, 1000, 10_000_000),
    events: readCount('events', values.events, 10_000, 100_000_000),
  }
}

function readWork(name: string): WorkName {
  const work = workNames.find((known) => known === name)
  if (work === undefined) throw new Error(`--only takes ${workNames.join(', ')}, not ${name}`)
  return work
}

function readCount(name: string, text: string, min: number, max: number): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < min || count > max)
    throw new Error(`--${name} takes a whole number from ${min} to ${max}, not ${text}`)
  return count
}
