import type { User } from '@latchkey/contracts/http/answers'
import { createApi, type ApiRequest } from './http/api.js'
import { authorisedFetch } from './http/authorised-fetch.js'
import { readSessionAnswer } from './http/read-session-answer.js'
import { accept, type Fetch } from './http/send.js'
import { isAboutToken } from './http/token-codes.js'
import { keepSession, type Told } from './keeper.js'
import { randomText } from './random.js'
import { openRecord } from './refresh/record.js'
import { refreshOver, revokeOver } from './refresh/over-http.js'
import type { SessionStore } from './stores/session-store.js'
import { defaultStore } from './stores/web-storage-store.js'
import { watchWaking } from './tabs/watch-waking.js'

export interface ClientOptions {
  /** Where the API is: `https://auth.example.com`. A path before `/api/v1` is kept. */
  url: string
  /** Who else gets access tokens by `fetch`, as origins: `https://api.example.com`. Nobody unless named. */
  resourceOrigins?: readonly string[]
  /** Where the session is kept; localStorage where there is one, else memory. */
  store?: SessionStore
  /** The server keeps the tokens in cookies (USE_COOKIE_SESSIONS), out of the reach of scripts. Only in browsers. */
  cookies?: boolean
  /** In place of the global one. */
  fetch?: Fetch
}

export interface SessionInfo {
  id: string
  user: User
}

export interface ChangeEvent extends Told {
  session: SessionInfo | null
}

/** How a route is called; the functions of `@latchkey/client/routes` know. */
export interface RouteRequest extends Omit<ApiRequest, 'accessToken'> {
  /** `session` sends the access token, and refreshes it where that is due. */
  auth: 'none' | 'session'
}

export interface Client {
  /** Resolves when it is known whether somebody is signed in. Needs no network. */
  readonly ready: Promise<void>
  /** Null while nobody is signed in. */
  readonly session: SessionInfo | null
  /** As the global one, with the access token: refreshed before it expires, and once more on a 401. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** For what cannot be fetched, such as a web socket. Null where the tokens are in cookies. */
  accessToken(): Promise<string | null>
  /** Ends the session here at once, in all tabs; false where the server could not be told. */
  signOut(): Promise<boolean>
  /** Calls at every sign-in, sign-out, refresh and change of the user, also in other tabs. Returns how to stop it. */
  onChange(listener: (event: ChangeEvent) => void): () => void
  /** Stops listening to other tabs. */
  close(): void
  /** Where the api is, with its prefix. */
  readonly baseUrl: string
  /** What the functions of `@latchkey/client/routes` are made of. Throws a LatchkeyError for anything but success. */
  request(request: RouteRequest): Promise<unknown>
  /** Begins the session of an answer; false when it holds none. */
  signIn(answer: unknown): Promise<boolean>
  /** The session goes on with what a step-up answered. */
  stepUp(answer: unknown): Promise<void>
  /** The user is now this one. */
  updateUser(user: User): Promise<void>
}

export function createClient(options: ClientOptions): Client {
  const baseUrl = `${options.url.replace(/\/+$/, '')}/api/v1`
  const usesCookies = options.cookies ?? false
  const fetch: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const api = createApi({ baseUrl, fetch, usesCookies })
  const listeners = new Set<(event: ChangeEvent) => void>()
  const keeper = keepSession({
    store: options.store ?? defaultStore(),
    refresh: refreshOver(api),
    revoke: revokeOver(api),
    tell({ change, reason }) {
      if (change === 'signed_in') api.forgetCsrfToken()
      for (const listener of listeners) {
        try {
          listener({ change, reason, session: sessionOf() })
        } catch (error) {
          setTimeout(() => {
            throw error // uncaught, as it would be anywhere else; the session goes on
          })
        }
      }
    },
  })
  const stopWaking = watchWaking(() => {
    void keeper.sync()
    void keeper.dispatch({ event: 'online', now: Date.now() })
  })

  function sessionOf(): SessionInfo | null {
    const { record } = keeper
    return record === null ? null : { id: record.sessionId, user: record.user }
  }

  return {
    ready: keeper.ready,
    get session() {
      return sessionOf()
    },
    fetch: authorisedFetch({
      keeper,
      api,
      fetch,
      usesCookies,
      apiOrigin: new URL(baseUrl).origin,
      resourceOrigins: options.resourceOrigins ?? [],
    }),
    accessToken: async () => (await keeper.need()).accessToken,
    signOut: () => keeper.signOut(),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      stopWaking()
      keeper.close()
    },
    baseUrl,
    async request({ auth, ...request }) {
      if (auth === 'none')
        return accept(
          await api.send({
            ...request,
            headers: { ...request.headers, ...(usesCookies && { 'x-session-mode': 'cookie' }) },
          }),
        )
      const record = await keeper.need()
      const answer = await api.send({ ...request, accessToken: record.accessToken })
      if (answer.status !== 401 || !isAboutToken(answer.problem?.code)) return accept(answer)
      const renewed = await keeper.needAnother(record, true)
      if (renewed === null) return accept(answer)
      return accept(await api.send({ ...request, accessToken: renewed.accessToken }))
    },
    async signIn(answer) {
      const session = readSessionAnswer(answer)
      if (session === null) return false
      await keeper.dispatch({ event: 'signed_in', record: openRecord(session, randomText(), Date.now()) })
      return true
    },
    async stepUp(answer) {
      const session = readSessionAnswer(answer)
      if (session !== null) await keeper.dispatch({ event: 'stepped_up', answer: session, now: Date.now() })
    },
    updateUser: (user) => keeper.dispatch({ event: 'user_changed', user, now: Date.now() }),
  }
}
