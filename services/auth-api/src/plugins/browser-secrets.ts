import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { createSessionCookies } from './session-cookies.js'

/**
 * What a browser is known by while its user signs in elsewhere: 256 random bits in a cookie that is in no URL. It tells nothing but that
 * the one who comes back is the one who left.
 */
export interface BrowserSecrets {
  /** Null without a good one. */
  read(request: FastifyRequest): string | null
  /** The one that the browser has, which tabs that sign in at once share, or a new one. */
  give(request: FastifyRequest, reply: FastifyReply): string
}

declare module 'fastify' {
  interface FastifyInstance {
    browserSecrets: BrowserSecrets
  }
}

/** 43 characters of base64url, of which the last has two bits to spare: each secret has one spelling. */
const shape = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
/** For signing in elsewhere, and for coming back with the code. */
const keptSeconds = 900

export function registerBrowserSecrets(app: App, { config }: Pick<Deps, 'config'>): void {
  const cookies = createSessionCookies(config.nodeEnv === 'production')

  function read({ raw }: FastifyRequest): string | null {
    const cookie = cookies.read(raw, 'browserSecret')
    return cookie.kind === 'value' && shape.test(cookie.value) ? cookie.value : null
  }

  app.decorate('browserSecrets', {
    read,
    give(request, reply) {
      const secret = read(request) ?? randomBytes(32).toString('base64url')
      reply.header('set-cookie', cookies.write('browserSecret', secret, keptSeconds))
      return secret
    },
  })
}
