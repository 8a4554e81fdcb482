import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '@latchkey/contracts/errors'
import { isSameSecret } from '@latchkey/platform/crypto/constant-time'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.js'
import { createOnceAMinute } from '../limits/once-a-minute.js'
import { originOf } from '../request-origin.js'
import { isCsrfTokenOf } from './csrf-token.js'
import { routeLabel } from './route-label.js'
import type { SessionCookies } from './session-cookies.js'

/** Whose cookies a request brings, as far as it is known. */
export interface CookieOwner {
  readonly sessionId: string | null
  readonly userId?: string
}

export interface CsrfGuard {
  /** Throws csrf_invalid for a request that a page of another origin has sent. */
  assertOwnPage(request: FastifyRequest, owner: CookieOwner): void
  /** The same, and for one that changes something without the token of this session. */
  assertOwnRequest(request: FastifyRequest, owner: CookieOwner): void
}

/** They change nothing (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** No longer than a host name may be, with its scheme and port. */
const maxOriginLength = 268

type Reason = 'foreign_origin' | 'csrf_token'

interface CsrfDeps extends Pick<Deps, 'keyring' | 'events' | 'log' | 'limits'> {
  readonly config: Pick<Deps['config'], 'allowedOrigins' | 'publicUrl'>
}

/**
 * What a browser sends by itself proves nothing about the page that made it send. Two things do: the Origin, which no script
 * can choose, and a token that only a page of ours can read, tied to the session so that nobody can plant one of their own.
 */
export function createCsrfGuard(cookies: SessionCookies, deps: CsrfDeps): CsrfGuard {
  const { config, keyring, limits } = deps
  const ownOrigins = new Set([...config.allowedOrigins, new URL(config.publicUrl).origin])
  const isNews = createOnceAMinute()

  function refuse(request: FastifyRequest, owner: CookieOwner, reason: Reason): never {
    const origin = originOf(request)
    if (isNews(`${limits.addressKey(origin.ip)} ${owner.sessionId ?? ''} ${reason}`)) {
      const data = {
        reason,
        method: request.method,
        route: routeLabel(request),
        origin: request.headers.origin?.slice(0, maxOriginLength) ?? null,
      }
      deps.events
        .report(
          newSecurityEvent('csrf.rejected', {
            ...origin,
            sessionId: owner.sessionId,
            userId: owner.userId,
            data,
          }),
        )
        .catch((error: unknown) => {
          deps.log.warn({ err: error }, 'a rejected request could not be reported')
        })
    }
    throw new AppError('csrf_invalid')
  }

  function hasToken(request: FastifyRequest, { sessionId }: CookieOwner): boolean {
    const sent = request.headers['x-csrf-token']
    const cookie = cookies.read(request.raw, 'csrfToken')
    return (
      typeof sent === 'string' &&
      cookie.kind === 'value' &&
      isSameSecret(sent, cookie.value) &&
      isCsrfTokenOf(keyring.accepted, cookie.value, sessionId)
    )
  }

  function assertOwnPage(request: FastifyRequest, owner: CookieOwner): void {
    if (!isFromOneOf(ownOrigins, request.headers)) refuse(request, owner, 'foreign_origin')
  }

  return {
    assertOwnPage,
    assertOwnRequest(request, owner) {
      assertOwnPage(request, owner)
      if (!safeMethods.has(request.method) && !hasToken(request, owner)) refuse(request, owner, 'csrf_token')
    },
  }
}

/** Browsers leave out Origin on some requests of a page to its own origin; Sec-Fetch-Site then tells where they come from. */
function isFromOneOf(origins: ReadonlySet<string>, headers: IncomingHttpHeaders): boolean {
  if (headers.origin !== undefined) return origins.has(headers.origin)
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'same-origin' || site === 'none'
}
