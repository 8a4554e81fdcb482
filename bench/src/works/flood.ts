import { readFileSync } from 'node:fs'
import argon2 from 'argon2'
import { runLoad } from '../load/load.js'
import { runNodeLoad } from '../load/node-load.js'
import { median } from '../measure.js'
import type { Options } from '../options.js'
import type { Row } from '../report.js'
import { loginPath, refreshPath } from '../requests.js'
import { listEmails, mintRefreshTokens, seedUsers } from '../seed.js'
import type { Stand } from '../stand.js'

const password = 'correct horse battery staple'
const people = 2000
const signingIn = 32
const refreshing = 8

/** OWASP's least, and the default of the product: m=19456 KiB, t=2, p=1. */
const owasp = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Refreshes while 32 sign-ins hash at once, beside refreshes alone. */
export async function benchFlood(
  stand: Stand,
  { runs, seconds }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  await seedUsers(stand, people, await argon2.hash(password, { type: argon2.argon2id, ...owasp }))
  const emails = await listEmails(stand, people)
  const api = await stand.startApi()
  const refresh = async (forSeconds: number) =>
    runLoad({
      kind: 'refresh',
      url: api.url + refreshPath,
      values: await mintRefreshTokens(stand, people),
      connections: refreshing,
      seconds: forSeconds,
    })
  const flood = (forSeconds: number) =>
    runNodeLoad({
      kind: 'login',
      url: api.url + loginPath,
      values: emails,
      password,
      connections: signingIn,
      seconds: forSeconds,
    })

  progress('warming up')
  await refresh(2)
  const memoryBefore = residentMebibytes(api.pid)
  const alone: Sample[] = []
  const flooded: Sample[] = []
  const answered = { signedIn: 0, refused: 0 }
  for (let run = 1; run <= runs; run += 1) {
    progress(`run ${run} of ${runs}: alone`)
    alone.push(sampleOf(await refresh(seconds)))
    progress(`run ${run} of ${runs}: under the flood`)
    const [refreshed, { statuses }] = await Promise.all([refresh(seconds), flood(seconds)])
    flooded.push(sampleOf(refreshed))
    const { 200: signedIn = 0, 503: refused = 0, ...others } = statuses
    if (Object.keys(others).length > 0) throw new Error(`sign-ins were answered ${JSON.stringify(others)}`)
    answered.signedIn += signedIn
    answered.refused += refused
  }
  const memoryAfter = residentMebibytes(api.pid)
  await api.stop()

  const [quiet, busy] = [medianSample(alone), medianSample(flooded)]
  const perSecond = (count: number) => Math.round(count / (runs * seconds))
  return [
    {
      work: 'login flood',
      who: `refresh under ${signingIn} sign-ins at once`,
      ...busy,
      note:
        `p99 ${(busy.p99Ms / quiet.p99Ms).toFixed(2)}× alone; sign-ins a second: ${perSecond(answered.signedIn)} done, ` +
        `${perSecond(answered.refused)} refused (503); memory ${memoryBefore} to ${memoryAfter} MiB`,
    },
    { work: '', who: 'refresh alone', ...quiet },
  ]
}

interface Sample {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
}

function sampleOf(result: {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  failed: number
}): Sample {
  if (result.failed > 0) throw new Error(`${result.failed} refreshes failed`)
  return { requestsPerSecond: result.requests / result.seconds, p50Ms: result.p50Ms, p99Ms: result.p99Ms }
}

function medianSample(samples: readonly Sample[]): Sample {
  const of = (name: keyof Sample) => median(samples.map((sample) => sample[name]))
  return { requestsPerSecond: of('requestsPerSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') }
}

function residentMebibytes(pid: number): number {
  const [, kibibytes = ''] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kibibytes) / 1024)
}
