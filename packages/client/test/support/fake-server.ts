import type { Session, User } from '@latchkey/contracts/http/answers'

export const user: User = {
  id: '01900000-0000-7000-8000-00000000000a',
  email: 'ada@example.com',
  emailVerified: true,
  username: null,
  name: null,
  userType: null,
  roles: ['user'],
  traits: {},
  locale: null,
  mfaEnabled: false,
  createdAt: '2026-11-20T10:00:00.000Z',
  lastLoginAt: null,
}

export const session = (rotation: number, sessionId = 's1', of: User = user): Session => ({
  token: `access-${rotation}`,
  accessToken: `access-${rotation}`,
  refreshToken: `lk1.${sessionId}.${rotation}`,
  tokenType: 'Bearer',
  expiresIn: 900,
  refreshExpiresIn: 604_800,
  sessionId,
  user: of,
})

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(status === 204 ? null : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })

export const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  json(
    status,
    { type: `urn:latchkey:error:${code}`, title: code, status, code, detail: code, errorId: 'e' },
    { 'content-type': 'application/problem+json', ...headers },
  )

export interface Sent {
  method: string
  url: string
  headers: Record<string, string>
  body: unknown
}

type Reply = (request: Sent, signal: AbortSignal | null | undefined) => Response | Promise<Response>

/** What stands where the network is: it answers by path, and notes what it was sent. */
export function fakeServer(replies: Record<string, Reply>) {
  const sent: Sent[] = []
  return {
    sent,
    replies,
    pathsSent: () => sent.map(({ url }) => url.replace(/^https?:\/\/[^/]+(\/api\/v1)?/, '')),
    async fetch(input: string | Request, init: RequestInit = {}): Promise<Response> {
      const url = typeof input === 'string' ? input : input.url
      const { body } = init
      const request = {
        method: init.method ?? 'GET',
        url,
        headers: Object.fromEntries(new Headers(init.headers)),
        body: typeof body === 'string' && body.startsWith('{') ? (JSON.parse(body) as unknown) : body,
      }
      sent.push(request)
      const path = url.replace(/^https?:\/\/[^/]+(\/api\/v1\/auth)?/, '').replace(/\?.*/, '')
      const reply = replies[path]
      if (reply === undefined) throw new TypeError(`nothing at ${path}`)
      return reply(request, init.signal)
    },
  }
}
