import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { OutboundProblem } from './outbound-problem.js'

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

interface Exchange {
  readonly url: URL
  /** Those to connect to, and no others. */
  readonly addresses: readonly ResolvedAddress[]
  readonly signal: AbortSignal
  readonly maxBytes: number
}

// Agents of our own, so that no proxy of the environment comes between the address that was checked and the connection. A
// connection serves one request: one that is kept would outlive the check of its address.
const httpAgent = new HttpAgent({ keepAlive: false })
const httpsAgent = new HttpsAgent({ keepAlive: false })

const maxHeaderBytes = 16 * 1024
/** Statuses whose answer has no body, which `Response` insists on. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

/** One request over one connection of its own, and its whole answer. @throws OutboundProblem. */
export async function sendRequest(request: Request, exchange: Exchange): Promise<Response> {
  const body = Buffer.from(await request.arrayBuffer())
  const outgoing = open(request, exchange)
  try {
    const answered = answerTo(outgoing)
    outgoing.end(body)
    const incoming = await answered
    const { statusCode = 0, rawHeaders } = incoming
    const content = await readBody(incoming, exchange)
    return new Response(bodiless.has(statusCode) ? null : content, {
      status: statusCode,
      headers: pairsOf(rawHeaders),
    })
  } catch (error) {
    if (error instanceof OutboundProblem) throw error
    throw new OutboundProblem('connection', `${exchange.url.host}: ${messageOf(error)}`, error)
  } finally {
    outgoing.destroy()
  }
}

function open(request: Request, { url, addresses, signal }: Exchange): ClientRequest {
  const headers: Record<string, string> = { ...Object.fromEntries(request.headers), host: url.host }
  // A compressed answer could be a thousand times as long as what was counted.
  headers['accept-encoding'] = 'identity'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const options = {
    host,
    port: url.port,
    path: url.pathname + url.search,
    method: request.method,
    headers,
    signal,
    lookup: lookupOf(addresses),
    maxHeaderSize: maxHeaderBytes,
  }
  if (url.protocol === 'http:') return httpRequest({ ...options, agent: httpAgent })
  return httpsRequest({
    ...options,
    agent: httpsAgent,
    // For the name, whichever address was connected to. Said, so that NODE_TLS_REJECT_UNAUTHORIZED=0 does not unsay it.
    servername: isIP(host) === 0 ? host : '',
    rejectUnauthorized: true,
  })
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve)
    // For good: what goes wrong after the head is told by the body, and without a listener it would end the process.
    outgoing.on('error', reject)
    // All that is told of an answer that would speak another protocol (101).
    outgoing.once('close', () => reject(new Error('closed without an answer')))
  })
}

/** Answers what was found and checked before, however it is asked. */
function lookupOf(addresses: readonly ResolvedAddress[]): LookupFunction {
  return (_host, { all }, callback) => {
    const [first] = addresses
    if (all === true) callback(null, [...addresses])
    else if (first !== undefined) callback(null, first.address, first.family)
  }
}

async function readBody(incoming: AsyncIterable<Buffer>, { url, maxBytes }: Exchange): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of incoming) {
    length += part.length
    if (length > maxBytes)
      throw new OutboundProblem('size', `${url.host} answered more than ${maxBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function pairsOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    pairs.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''])
  return pairs
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
