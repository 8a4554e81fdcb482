import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { blockListOf, reachOf } from './address-reach.js'
import { OutboundProblem } from './outbound-problem.js'
import { sendRequest, type ResolvedAddress } from './send-request.js'

export interface OutboundOptions {
  /** Addresses and CIDRs that may be asked although they are not public, and by plain http too. */
  readonly allowedNetworks: readonly string[]
  /** For everything, from the look-up of the name to the last byte of the answer. */
  readonly timeoutMs?: number
  /** Of the body of an answer. */
  readonly maxBytes?: number
  /** Every address of a host name. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>
}

export interface Outbound {
  /**
   * As the global one, for addresses that somebody else has chosen, with the whole answer read. A redirect is an answer like any
   * other and is never followed. @throws OutboundProblem.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>
  /** Whether `fetch` would ask this address as things are now. @throws OutboundProblem. */
  check(url: string | URL): Promise<void>
}

/** security.md, 15: outbound requests take 5 s at most. */
const defaultTimeoutMs = 5000
const defaultMaxBytes = 1024 * 1024

/**
 * Requests to addresses that are not ours to trust, such as webhooks and identity providers, so that nobody uses us to reach what
 * only we can (SSRF, ASVS 1.3.6): by https alone, to public addresses alone. A name is resolved once, every address that it has is
 * checked, and exactly these are connected to: a name that answers otherwise the next time gains nothing (DNS rebinding). Ports are
 * free, because whoever does not answer a TLS handshake for that name is told nothing.
 */
export function createOutbound({
  allowedNetworks,
  timeoutMs = defaultTimeoutMs,
  maxBytes = defaultMaxBytes,
  resolve = resolveByHost,
}: OutboundOptions): Outbound {
  const allowed = blockListOf(allowedNetworks)

  /** The addresses that may be connected to, at least one. */
  async function addressesOf(url: URL): Promise<readonly ResolvedAddress[]> {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const family = isIP(host)
    const addresses = family === 0 ? await resolve(host) : [{ address: host, family }]
    if (addresses.length === 0) throw new OutboundProblem('name', `${host} has no address`)
    const reaches = new Set(addresses.map(({ address }) => reachOf(address, allowed)))
    // One bad address among good ones is somebody's try at it.
    if (reaches.has('forbidden'))
      throw new OutboundProblem('address', `${host} is not in a public network, nor in an allowed one`)
    if (url.protocol === 'http:' && reaches.has('public'))
      throw new OutboundProblem('url', 'the URL must be https')
    return addresses
  }

  /** Gives `work` up at the deadline, or when the caller does. */
  async function inTime<T>(
    url: URL,
    caller: AbortSignal | null | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs)
    try {
      return await work(caller ? AbortSignal.any([deadline, caller]) : deadline)
    } catch (error) {
      caller?.throwIfAborted()
      if (!deadline.aborted) throw error
      throw new OutboundProblem('timeout', `${url.host} gave no whole answer in ${timeoutMs} ms`, error)
    }
  }

  return {
    async fetch(input, init = {}) {
      const url = readUrl(input)
      const request = new Request(url, { ...init, signal: null })
      return inTime(url, init.signal, async (signal) => {
        const addresses = await unlessAborted(addressesOf(url), signal)
        return sendRequest(request, { url, addresses, signal, maxBytes })
      })
    },
    async check(input) {
      const url = readUrl(input)
      await inTime(url, null, (signal) => unlessAborted(addressesOf(url), signal))
    },
  }
}

function readUrl(input: string | URL): URL {
  if (!URL.canParse(String(input))) throw new OutboundProblem('url', 'it is not a URL')
  const url = new URL(input)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new OutboundProblem('url', 'the URL must be https')
  if (url.username !== '' || url.password !== '')
    throw new OutboundProblem('url', 'the URL must have no user and no password')
  return url
}

/** As the host's own tools resolve it, /etc/hosts included: operators name internal services there. */
async function resolveByHost(host: string): Promise<readonly ResolvedAddress[]> {
  try {
    return await lookup(host, { all: true })
  } catch (error) {
    throw new OutboundProblem('name', `${host} cannot be resolved`, error)
  }
}

/** A look-up cannot be called off; what it answers later is nobody's. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = once(signal, 'abort').then(() => {
    throw signal.reason
  })
  return Promise.race([work, aborted])
}
