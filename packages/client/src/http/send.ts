import type { Problem } from '@latchkey/contracts/http/answers'
import type { ErrorCode } from '@latchkey/contracts/errors'
import { LatchkeyError } from '../errors.js'

/** As long as the server takes for a request at most. */
const timeoutMs = 15_000

export type Fetch = (input: string | Request, init: RequestInit) => Promise<Response>

export interface Answer {
  ok: boolean
  status: number
  /** Null where there is no JSON. */
  body: unknown
  /** Set where the answer is a problem of Latchkey's own, and not one of something in between. */
  problem: Problem | null
  retryAfterMs: number | null
}

/** Throws `network` when there is no answer in time. */
export async function send(fetch: Fetch, url: string, init: RequestInit): Promise<Answer> {
  const aborter = new AbortController()
  const timer = setTimeout(() => aborter.abort(), timeoutMs)
  try {
    const response = await fetch(url, { ...init, signal: aborter.signal })
    const text = await response.text()
    const body = parse(text)
    return {
      ok: response.ok,
      status: response.status,
      body,
      problem: isProblem(response, body) ? body : null,
      retryAfterMs: readRetryAfter(response.headers),
    }
  } catch (error) {
    throw new LatchkeyError('network', 'The server did not answer', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** The body of an answer that went well; otherwise throws what the answer says. */
export function accept(answer: Answer): unknown {
  if (answer.ok) return answer.body
  const { problem, status, retryAfterMs } = answer
  if (problem === null)
    throw new LatchkeyError('network', `Something answered ${status}`, { status, retryAfterMs })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a newer server may know more codes; they are passed on
  throw new LatchkeyError(problem.code as ErrorCode, problem.detail, { status, problem, retryAfterMs })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isProblem(response: Response, body: unknown): body is Problem {
  return (
    response.headers.get('content-type')?.startsWith('application/problem+json') === true &&
    typeof body === 'object' &&
    body !== null &&
    'code' in body &&
    'status' in body &&
    body.status === response.status
  )
}

/** Seconds, or a date (RFC 9110, 10.2.3), which a proxy may send. */
function readRetryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after')
  if (value === null) return null
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : null
}
