/** What a Redis server says of itself when a connection opens. */
export interface ServerFacts {
  /** Names one run of the server: another one after every start, and on every other server. */
  readonly runId: string
  /** The server throws keys away when its memory is full, so that a missing key proves nothing. */
  readonly mayEvict: boolean
  readonly evictionPolicy: string
}

/** Reads the answer of `INFO`; null when it names no run, as with a server that only looks like Redis. */
export function readServerFacts(info: string): ServerFacts | null {
  const fields = new Map<string, string>()
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  const runId = fields.get('run_id')
  if (runId === undefined) return null
  const evictionPolicy = fields.get('maxmemory_policy') ?? 'unknown'
  return {
    runId,
    mayEvict: evictionPolicy !== 'noeviction' && fields.get('maxmemory') !== '0',
    evictionPolicy,
  }
}
