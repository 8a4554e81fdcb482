import type { Sql } from '@latchkey/platform/database/client'
import type { Session } from '@latchkey/contracts/http/answers'
import type { FastifyInstance } from 'fastify'

/** Who presents a token: what the fingerprint is made of. */
export interface Client {
  userAgent: string
  ip: string
}

const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

export const atHome: Client = { userAgent: chrome, ip: '203.0.113.7' }
/** The same device, updated, with a new lease from the same provider: the same fingerprint. */
export const atHomeUpdated: Client = { userAgent: chrome.replace('140', '141'), ip: '203.0.113.200' }
export const sameAgentElsewhere: Client = { userAgent: chrome, ip: '198.51.100.7' }
export const stranger: Client = { userAgent: firefox, ip: '192.0.2.99' }

export const password = 'a long enough phrase 42'

export interface Answer<T = unknown> {
  status: number
  body: T & { code?: string }
  headers: Record<string, unknown>
}

type Injectable = Pick<FastifyInstance, 'inject'>

async function call<T>(
  app: Injectable,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  options: { body?: object; headers?: Record<string, string>; client?: Client } = {},
): Promise<Answer<T>> {
  const client = options.client ?? atHome
  const answer = await app.inject({
    method,
    url: `/api/v1/auth${path}`,
    remoteAddress: client.ip,
    headers: { 'user-agent': client.userAgent, ...options.headers },
    ...(options.body === undefined ? {} : { payload: options.body }),
  })
  return {
    status: answer.statusCode,
    body: answer.body === '' ? ({} as T & { code?: string }) : answer.json<T & { code?: string }>(),
    headers: answer.headers,
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
let people = 0

export const newEmail = (): string => `person-${process.pid}-${(people += 1)}@example.com`

export async function register(
  app: Injectable,
  email: string = newEmail(),
  client: Client = atHome,
): Promise<Session> {
  const answer = await call<Session>(app, 'POST', '/register', { body: { email, password }, client })
  if (answer.status !== 201)
    throw new Error(`register answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

export const logIn = (
  app: Injectable,
  email: string,
  client?: Client,
  secret: string = password,
): Promise<Answer<Session>> =>
  call<Session>(app, 'POST', '/login', { body: { email, password: secret }, ...(client && { client }) })

export const refresh = (
  app: Injectable,
  refreshToken: string,
  { key, client }: { key?: string | undefined; client?: Client } = {},
): Promise<Answer<Session>> =>
  call<Session>(app, 'POST', '/refresh', {
    body: { refreshToken },
    headers: key === undefined ? {} : { 'idempotency-key': key },
    ...(client && { client }),
  })

/** Any guarded route: it shows whether an access token is accepted, and confirms its generation. */
export const useAccessToken = (app: Injectable, token: string): Promise<Answer> =>
  call(app, 'GET', '/sessions', { headers: bearer(token) })

export const listSessions = (
  app: Injectable,
  token: string,
): Promise<Answer<{ sessions: Record<string, unknown>[] }>> =>
  call(app, 'GET', '/sessions', { headers: bearer(token) })

export const logOut = (app: Injectable, token: string): Promise<Answer> =>
  call(app, 'POST', '/logout', { headers: bearer(token) })

export const logOutByRefreshToken = (app: Injectable, refreshToken: string): Promise<Answer> =>
  call(app, 'POST', '/logout', { body: { refreshToken } })

export const logOutEverywhere = (app: Injectable, token: string): Promise<Answer<{ revoked: number }>> =>
  call(app, 'POST', '/logout-all', { headers: bearer(token) })

export const endSession = (app: Injectable, token: string, id: string): Promise<Answer> =>
  call(app, 'DELETE', `/sessions/${id}`, { headers: bearer(token) })

export const changePassword = (app: Injectable, token: string, from: string, to: string): Promise<Answer> =>
  call(app, 'POST', '/change-password', {
    headers: bearer(token),
    body: { currentPassword: from, newPassword: to },
  })

/** The clock is the database's: time passes for a session when its times move back. */
export async function letTimePass(db: Sql, sessionId: string, seconds: number): Promise<void> {
  await db`
    UPDATE sessions SET
      created_at = created_at - make_interval(secs => ${seconds}),
      authenticated_at = authenticated_at - make_interval(secs => ${seconds}),
      rotated_at = rotated_at - make_interval(secs => ${seconds}),
      refresh_window_started_at = refresh_window_started_at - make_interval(secs => ${seconds}),
      last_used_at = last_used_at - make_interval(secs => ${seconds}),
      idle_expires_at = idle_expires_at - make_interval(secs => ${seconds}),
      absolute_expires_at = absolute_expires_at - make_interval(secs => ${seconds})
    WHERE id = ${sessionId}`
}

export interface StoredSession {
  generation: bigint
  rotatedAt: Date
  lastUsedAt: Date
  idleExpiresAt: Date
  absoluteExpiresAt: Date
  retryKeys: Buffer
  rotatedBy: Buffer | null
  revokedAt: Date | null
  revokeReason: string | null
}

export async function storedSession(db: Sql, sessionId: string): Promise<StoredSession> {
  const [row] = await db<StoredSession[]>`
    SELECT generation, rotated_at, last_used_at, idle_expires_at, absolute_expires_at, retry_keys, rotated_by,
      revoked_at, revoke_reason
    FROM sessions WHERE id = ${sessionId}`
  if (row === undefined) throw new Error(`no session ${sessionId}`)
  return row
}

/** Events about a session that stand in the outbox, oldest first. */
export async function outboxTypes(db: Sql, sessionId: string): Promise<string[]> {
  const rows = await db<
    { type: string }[]
  >`SELECT type FROM outbox WHERE session_id = ${sessionId} ORDER BY occurred_at, id`
  return rows.map((row) => row.type)
}
