import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { createSessionCookies } from './session-cookies.js'

/** Of devices that are spared the second factor. It is where the session is: in a cookie, or with the client that keeps its tokens. */
export interface RememberTokens {
  /** What a browser brings, unchecked. */
  read(request: FastifyRequest): string | null
  give(reply: FastifyReply, token: string): void
}

declare module 'fastify' {
  interface FastifyInstance {
    rememberTokens: RememberTokens
  }
}

export function registerRememberTokens(app: App, { config }: Pick<Deps, 'config'>): void {
  const { mfaRememberTtlSeconds, nodeEnv, useCookieSessions } = config
  const cookies = createSessionCookies(nodeEnv === 'production')

  app.decorate('rememberTokens', {
    read({ raw }) {
      const cookie = useCookieSessions ? cookies.read(raw, 'rememberToken') : null
      return cookie?.kind === 'value' ? cookie.value : null
    },
    give(reply, token) {
      reply.header('set-cookie', cookies.write('rememberToken', token, mfaRememberTtlSeconds))
    },
  })
}
