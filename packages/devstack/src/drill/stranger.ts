import { DrillError } from './drill-error.js'

const timeoutMs = 10_000

export interface Answer {
  readonly status: number
  /** Of a problem; else empty. */
  readonly code: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Whoever can reach the instance, and knows nothing but its API. */
export interface Stranger {
  /** Requests so far. */
  readonly requests: number
  post: (path: string, body: object, token?: string) => Promise<Answer>
  get: (path: string, token: string) => Promise<Answer>
}

/** Under `/api/v1`. Each call throws `DrillError` when nobody answers, or when the limits let nobody attack from here any more. */
export function createStranger(target: string): Stranger {
  let requests = 0
  async function call(method: string, path: string, body: object | null, token?: string): Promise<Answer> {
    requests += 1
    const answer = await fetch(`${target}/api/v1${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'user-agent': 'latchkey-drill',
        ...(body !== null && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== null && { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw new DrillError(
        `${target} does not answer: start it with npm start, or name another with --target`,
        {
          cause: error,
        },
      )
    })
    const text = await answer.text()
    if (answer.status === 429)
      throw new DrillError(
        `the limits of ${target} let nothing more through from here: good, and the drill can go on in ${answer.headers.get('retry-after') ?? '900'} s`,
      )
    const parsed = readObject(text)
    return { status: answer.status, code: textOf(parsed, 'code'), body: parsed }
  }
  return {
    get requests() {
      return requests
    },
    post: (path, body, token) => call('POST', path, body, token),
    get: (path, token) => call('GET', path, null, token),
  }
}

/** Empty when there is none. */
export function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name]
  return typeof value === 'string' ? value : ''
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
