import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BuiltInRole } from '@latchkey/contracts/roles'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'

/** Fastify with routes typed by their TypeBox schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/**
 * Who may call a route. `optional`: a caller who sends no Authorization header is nobody, one who sends a bad one is refused.
 */
export type RouteAuth = 'none' | 'session' | 'optional'

/**
 * What counts a request before it is read. `refresh` counts nothing by address: its use case counts by session, so that an
 * office behind one address never loses its sessions to each other. `client` counts failures only, in its use case: a service may
 * ask as often as it likes. `none` is for probes and published keys.
 */
export type RouteLimit = 'general' | 'login' | 'register' | 'reset' | 'refresh' | 'client' | 'none'

/** The authenticated user of a request, as its access token says and as the revocation list still allows. */
export interface Caller {
  /** A browser sends cookies unasked: what came by one has passed the guard against forged requests. */
  readonly via: 'bearer' | 'cookie'
  readonly userId: string
  readonly sessionId: string
  readonly generation: number
  readonly roles: readonly string[]
  /** Authenticator assurance level, NIST SP 800-63B. */
  readonly aal: number
  /** Authentication methods, RFC 8176. */
  readonly amr: readonly string[]
  /** Seconds since the epoch: when the user last presented a credential. */
  readonly authTime: number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    auth?: RouteAuth
    limit?: RouteLimit
    /** Only with `auth: 'session'`: whom the route is for, by the roles of now. */
    roles?: readonly BuiltInRole[]
    /**
     * Only with `auth: 'session'`: the caller must have presented the strongest credential that they have in the last minutes.
     * `second_factor` asks only users who have one, on a route whose body takes the password itself.
     */
    freshAuth?: boolean | 'second_factor'
    /** How long the answer may take, where it may take longer or less than others. */
    deadlineMs?: number
  }
}
