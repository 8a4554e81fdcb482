import type { User } from '@latchkey/contracts/http/answers'
import type { Client, RouteRequest } from '../client.js'

type Args<Input> = undefined extends Input ? [input?: Input] : [input: Input]

/** One route as a function. Parameters of the path are fields of the input, and go out of it into the path. */
export interface Route<Input, Output> {
  (client: Client, ...args: Args<Input>): Promise<Output>
  /** `POST /2fa/verify`, below `/auth` or `/admin`. */
  readonly route: string
  readonly auth: RouteRequest['auth']
}

/** Answers without their tokens: those are the client's business. */
export type WithoutTokens<Answer> = Answer extends unknown
  ? Omit<Answer, 'token' | 'accessToken' | 'refreshToken' | 'tokenType'>
  : never

/** Whoever calls. */
export function openRoute<Input, Output>(route: string): Route<Input, Output> {
  return define(route, 'none', (client, request) => client.request(request))
}

/** Who is signed in. */
export function ownRoute<Input, Output>(route: string, base = '/auth'): Route<Input, Output> {
  return define(route, 'session', (client, request) => client.request(request), base)
}

/** A session begins, where the answer has one. */
export function signInRoute<Input, Output>(route: string): Route<Input, WithoutTokens<Output>> {
  return define(route, 'none', async (client, request) => {
    const answer = await client.request(request)
    await client.signIn(answer)
    return withoutTokens(answer)
  })
}

/** The session goes on, as one that has just authenticated. */
export function stepUpRoute<Input>(route: string): Route<Input, void> {
  return define(route, 'session', async (client, request) => client.stepUp(await client.request(request)))
}

/** The session is over. */
export function endingRoute<Input, Output>(route: string): Route<Input, Output> {
  return define(route, 'session', async (client, request) => {
    const answer = await client.request(request)
    await client.signOut()
    return answer
  })
}

/** The user is told anew. */
export function userRoute<Input>(route: string): Route<Input, User> {
  return define(route, 'session', async (client, request) => {
    const user = await client.request(request)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the route answers: a test compares the routes with the server
    await client.updateUser(user as User)
    return user
  })
}

function define<Input, Output>(
  route: string,
  auth: RouteRequest['auth'],
  call: (client: Client, request: RouteRequest) => Promise<unknown>,
  base = '/auth',
): Route<Input, Output> {
  const [method = '', pattern = ''] = route.split(' ')
  const run = (client: Client, input?: unknown): Promise<Output> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    call(client, { method, auth, ...placeInput(base + pattern, method, input) }) as Promise<Output>
  return Object.assign(run, { route, auth })
}

function placeInput(pattern: string, method: string, input: unknown): { path: string; body?: unknown } {
  const rest = new Map<string, unknown>(Object.entries(input ?? {}))
  const path = pattern.replace(/:(\w+)/g, (_, name: string) => {
    const value = String(rest.get(name))
    rest.delete(name)
    return encodeURIComponent(value)
  })
  if (rest.size === 0) return { path }
  if (method !== 'GET') return { path, body: Object.fromEntries(rest) }
  const query = Array.from(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return { path: `${path}?${query.join('&')}` }
}

function withoutTokens(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer
  const hidden = new Set(['token', 'accessToken', 'refreshToken', 'tokenType'])
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !hidden.has(name)))
}
