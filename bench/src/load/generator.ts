import { Agent, request } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Load } from './load.js'
import type { NodeLoadResult } from './node-load.js'

/** What a person's browser sends: the api looks into it at every refresh. */
const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

process.once('message', (load: Load) => {
  void generate(load).then((result) => process.send?.(result))
})

async function generate(load: Load): Promise<NodeLoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.connections })
  const queue = [...load.values]
  const latencies: number[] = []
  const statuses: Record<number, number> = {}
  let failed = 0
  const startedAt = performance.now()
  const endsAt = startedAt + load.seconds * 1000

  async function runConnection(): Promise<void> {
    while (performance.now() < endsAt) {
      const value = queue.shift()
      if (value === undefined) throw new Error('fewer values than connections')
      const sentAt = performance.now()
      const { status, body } = await send(agent, load, value)
      latencies.push(performance.now() - sentAt)
      statuses[status] = (statuses[status] ?? 0) + 1
      if (status < 200 || status > 299) failed += 1
      const next = load.kind === 'refresh' ? /"refreshToken":"([^"]+)"/.exec(body)?.[1] : value
      if (next !== undefined) queue.push(next)
    }
  }

  await Promise.all(Array.from({ length: load.connections }, runConnection))
  agent.destroy()
  const sorted = latencies.toSorted((a, b) => a - b)
  const percentile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return {
    requests: latencies.length,
    seconds: (performance.now() - startedAt) / 1000,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    failed,
    statuses,
  }
}

function send(agent: Agent, load: Load, value: string): Promise<{ status: number; body: string }> {
  const { type, body, authorization } = partsOf(load, value)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      load.url,
      {
        agent,
        method: body === null ? 'GET' : 'POST',
        headers: {
          'user-agent': userAgent,
          ...(authorization !== undefined && { authorization }),
          ...(body !== null && { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
        },
      },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => (text += part))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }))
        answer.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body ?? undefined)
  })
}

interface Parts {
  type: string
  body: string | null
  authorization?: string | undefined
}

function partsOf({ kind, password, authorization }: Load, value: string): Parts {
  const type = 'application/json'
  switch (kind) {
    case 'refresh':
      return { type, body: JSON.stringify({ refreshToken: value }) }
    case 'login':
      return { type, body: JSON.stringify({ email: value, password }) }
    case 'introspect':
      return { type: 'application/x-www-form-urlencoded', body: `token=${value}`, authorization }
    default:
      return { type, body: null, authorization: `Bearer ${value}` }
  }
}
