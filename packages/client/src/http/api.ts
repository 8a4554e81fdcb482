import { accept, send, type Answer, type Fetch } from './send.js'

export interface ApiOptions {
  /** With the prefix: `https://auth.example.com/api/v1`. */
  baseUrl: string
  fetch: Fetch
  /** The tokens are in cookies, and every change needs a token against forged requests. */
  usesCookies: boolean
}

export interface ApiRequest {
  method: string
  /** Below the prefix: `/auth/login`. */
  path: string
  body?: unknown
  accessToken?: string | null
  headers?: Record<string, string>
}

export interface Api {
  send(request: ApiRequest): Promise<Answer>
  /** What a request to the api that is not made here needs in cookie mode. */
  csrfHeaders(): Promise<Record<string, string>>
  /** After a sign-in, whose session has a token of its own; or when one was refused. */
  forgetCsrfToken(): void
}

export function createApi({ baseUrl, fetch, usesCookies }: ApiOptions): Api {
  let csrfToken: Promise<string> | null = null

  async function fetchCsrfToken(): Promise<string> {
    const answer = await send(fetch, `${baseUrl}/auth/csrf-token`, { credentials: 'include' })
    const body = accept(answer)
    if (typeof body !== 'object' || body === null || !('csrfToken' in body)) return ''
    return String(body.csrfToken)
  }

  function forgetCsrfToken(): void {
    csrfToken = null
  }

  async function csrfHeaders(): Promise<Record<string, string>> {
    csrfToken ??= fetchCsrfToken()
    try {
      return { 'x-csrf-token': await csrfToken }
    } catch (error) {
      forgetCsrfToken()
      throw error
    }
  }

  async function sendOnce({ method, path, body, accessToken, headers }: ApiRequest): Promise<Answer> {
    const isChange = usesCookies && method !== 'GET'
    return send(fetch, baseUrl + path, {
      method,
      ...(usesCookies && { credentials: 'include' as const }),
      // A sign-out is sent even when the page goes away.
      ...(path === '/auth/logout' && { keepalive: true }),
      headers: {
        ...headers,
        ...(isChange && (await csrfHeaders())),
        ...(typeof accessToken === 'string' && { authorization: `Bearer ${accessToken}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }

  return {
    async send(request) {
      const answer = await sendOnce(request)
      if (answer.problem?.code !== 'csrf_invalid' || !usesCookies) return answer
      forgetCsrfToken() // another tab has signed in
      return sendOnce(request)
    },
    csrfHeaders,
    forgetCsrfToken,
  }
}
