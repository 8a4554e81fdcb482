import type { SecurityEvent } from '@latchkey/contracts/events'
import type { Session, User } from '@latchkey/contracts/http/answers'
import { newEmail, password } from './session-driver.js'
import type { ApiAnswer, CallOptions, TestApp } from './test-app.js'

export const anotherPassword = 'another long phrase 43'

type ReportedEvent = Pick<
  SecurityEvent,
  'type' | 'severity' | 'userId' | 'sessionId' | 'ip' | 'requestId' | 'data'
>

export interface Person {
  readonly email: string
  readonly username: string
  /** Where this person's requests come from. */
  readonly ip: string
}

let people = 0

/** Names and an address that no other test of the file has. */
export function newPerson(): Person {
  people += 1
  return { email: newEmail(), username: `person${people}`, ip: `192.0.2.${people}` }
}

/** Registers and signs in; throws when that is refused. */
export async function signUp(
  { api }: TestApp,
  body: Record<string, unknown>,
  options: CallOptions = {},
): Promise<Session> {
  return expectSession(await api('POST', '/register', { ...options, body: { password, ...body } }), 201)
}

export async function signIn(
  { api }: TestApp,
  body: Record<string, unknown>,
  options: CallOptions = {},
): Promise<Session> {
  return expectSession(await api('POST', '/login', { ...options, body: { password, ...body } }), 200)
}

function expectSession(answer: ApiAnswer, status: number): Session {
  if (answer.status !== status) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer.body as unknown as Session
}

/** Whether the session's access token is accepted, and its refresh token. */
export async function isAlive(
  { api }: TestApp,
  session: Session,
  options: CallOptions = {},
): Promise<{ access: boolean; refresh: boolean }> {
  const access = await api('GET', '/me', { ...options, token: session.accessToken })
  const refresh = await api('POST', '/refresh', {
    ...options,
    body: { refreshToken: session.refreshToken },
  })
  return { access: access.status === 200, refresh: refresh.status === 200 }
}

/** What was told so far, oldest first: changes of state in the outbox, everything else in the queue. */
export async function eventsOf({ db, deps }: TestApp): Promise<ReportedEvent[]> {
  const stored = await db<(ReportedEvent & { occurredAt: Date })[]>`
    SELECT type, severity, user_id, session_id, host(ip) AS ip, request_id, data, occurred_at FROM outbox`
  const jobs =
    deps.config.redisUrl === null ? [] : await deps.eventQueue.getJobs(['waiting', 'prioritized', 'delayed'])
  const queued = jobs.flatMap((job) => (job.data as { events: SecurityEvent[] }).events)
  return [...stored, ...queued]
    .map((event) => ({ event, at: new Date(event.occurredAt).getTime() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ event }) => event)
}

/** Everything that accounts are made of, to see that a refusal left nothing behind. */
export async function countRows({
  db,
}: TestApp): Promise<Record<'users' | 'credentials' | 'sessions' | 'outbox', number>> {
  const [row] = await db<Record<'users' | 'credentials' | 'sessions' | 'outbox', number>[]>`
    SELECT
      (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM credentials) AS credentials,
      (SELECT count(*)::int FROM sessions) AS sessions, (SELECT count(*)::int FROM outbox) AS outbox`
  return row!
}

export async function passwordHashOf({ db }: TestApp, user: Pick<User, 'id'>): Promise<string> {
  const [row] = await db<
    { passwordHash: string }[]
  >`SELECT password_hash FROM credentials WHERE user_id = ${user.id}`
  return row!.passwordHash
}

const ofOneRequest = new Set(['x-request-id', 'date', 'ratelimit-remaining', 'ratelimit-reset'])

/** An answer without what differs from one request to the next in any case. */
export function comparable({ status, body, headers }: ApiAnswer): string {
  const kept = Object.entries(headers).map(([name, value]) => [name, ofOneRequest.has(name) ? null : value])
  return JSON.stringify({ status, body: { ...body, errorId: null }, headers: kept })
}

interface Attempts {
  success: number
  failure: number
}

/** What was counted, or what more was counted than `before`. */
export async function attemptsOf(
  { deps }: TestApp,
  type: 'login' | 'register' | 'reset' | '2fa' | 'passkey' | 'oauth',
  before: Attempts = { success: 0, failure: 0 },
): Promise<Attempts> {
  const { values } = await deps.metrics.authAttemptsTotal.get()
  const count = (status: string) =>
    values.find(({ labels }) => labels.type === type && labels.status === status)?.value ?? 0
  return { success: count('success') - before.success, failure: count('failure') - before.failure }
}
