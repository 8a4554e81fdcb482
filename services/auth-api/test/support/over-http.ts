import type { Session } from '@latchkey/contracts/http/answers'
import { password } from './session-driver.js'

export interface HttpAnswer<T> {
  status: number
  body: T & { code?: string }
  retryAfter: string | null
}

/** A request over a real socket; throws when no answer comes. */
export async function postOver<T>(
  baseUrl: string,
  path: string,
  { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
): Promise<HttpAnswer<T>> {
  const response = await fetch(`${baseUrl}/api/v1/auth${path}`, {
    method: 'POST',
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  const parsed = (text === '' ? {} : JSON.parse(text)) as T & { code?: string }
  return { status: response.status, body: parsed, retryAfter: response.headers.get('retry-after') }
}

export async function registerOver(baseUrl: string, email: string): Promise<Session> {
  const answer = await postOver<Session>(baseUrl, '/register', { body: { email, password } })
  if (answer.status !== 201) throw new Error(`register answered ${answer.status} ${answer.body.code}`)
  return answer.body
}

export const logInOver = (baseUrl: string, email: string): Promise<HttpAnswer<Session>> =>
  postOver<Session>(baseUrl, '/login', { body: { email, password } })

export const refreshOver = (
  baseUrl: string,
  refreshToken: string,
  key?: string,
): Promise<HttpAnswer<Session>> =>
  postOver<Session>(baseUrl, '/refresh', {
    body: { refreshToken },
    headers: key === undefined ? {} : { 'idempotency-key': key },
  })

export const logOutOver = (baseUrl: string, accessToken: string): Promise<HttpAnswer<unknown>> =>
  postOver(baseUrl, '/logout', { headers: { authorization: `Bearer ${accessToken}` } })

/** The status that a guarded route answers this access token with. */
export async function statusOf(baseUrl: string, accessToken: string): Promise<number> {
  const response = await fetch(`${baseUrl}/api/v1/auth/sessions`, {
    headers: { authorization: `Bearer ${accessToken}` },
    signal: AbortSignal.timeout(10_000),
  })
  await response.arrayBuffer()
  return response.status
}
