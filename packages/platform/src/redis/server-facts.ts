/** What a Redis server says of itself when a connection opens. */
export interface ServerFacts {
  /**
   * Names one life of the server's data: the process (`run_id`, new at every start) and the history it replicates
   * (`master_replid`, new at every promotion). Data that was read back from an older file, or came from a replica that
   * lagged, is another life.
   */
  readonly life: string
  /** The server throws keys away when its memory is full, so that a missing key proves nothing. */
  readonly mayEvict: boolean
  readonly evictionPolicy: string
}

/** Reads the answer of `INFO`; null when it names no life, as with a server that only looks like Redis. */
export function readServerFacts(info: string): ServerFacts | null {
  const fields = new Map<string, string>()
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  const runId = fields.get('run_id')
  const history = fields.get('master_replid')
  if (runId === undefined || history === undefined) return null
  const evictionPolicy = fields.get('maxmemory_policy') ?? 'unknown'
  return {
    life: `${runId}/${history}`,
    mayEvict: evictionPolicy !== 'noeviction' && fields.get('maxmemory') !== '0',
    evictionPolicy,
  }
}
