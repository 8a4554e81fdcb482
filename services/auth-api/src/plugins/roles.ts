import { AppError } from '@latchkey/contracts/errors'
import type { BuiltInRole } from '@latchkey/contracts/roles'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { createOnceAMinute } from '../limits/once-a-minute.js'
import { originOf } from '../request-origin.js'
import { callerOf } from './authentication.js'
import { routeLabel } from './route-label.js'
import { StepUpRequired } from '../step-up-required.js'

/** What decides whether a caller may use a route that is not for everybody. */
export interface Standing {
  readonly roles: readonly string[]
  /** Authenticator assurance level of the session, NIST SP 800-63B. */
  readonly aal: number
  /** Whether the user has a second factor. */
  readonly hasSecondFactor: boolean
}

export interface StandingSource {
  /** As of now; null for a session that has ended, or whose user is disabled. */
  standingOf: (sessionId: string) => Promise<Standing | null>
  /** What the user can authenticate with now. */
  optionsOf: (userId: string) => Promise<{ readonly methods: readonly string[] }>
}

interface RoleDeps extends Pick<Deps, 'events' | 'log'> {
  readonly config: Pick<Deps['config'], 'requireMfa'>
}

const withSecondFactor = 2

/**
 * Guards the routes with `roles`, by what the database says now: the access token may be older than a change of roles, in both
 * directions. Registered after the gate, so that the caller is known, and before fresh authentication, which is for those who
 * may come in at all.
 */
export function registerRoles(
  app: App,
  { config: { requireMfa }, events, log }: RoleDeps,
  { standingOf, optionsOf }: StandingSource,
): void {
  const isNews = createOnceAMinute()

  /** Somebody is trying the doors. */
  function report(request: FastifyRequest): void {
    const { userId, sessionId } = callerOf(request)
    if (!isNews(sessionId)) return
    const data = { method: request.method, route: routeLabel(request) }
    const fields = { ...originOf(request), userId, actorId: userId, sessionId, data }
    events.report(newSecurityEvent('admin.refused', fields)).catch((error: unknown) => {
      log.warn({ err: error }, 'a refused request could not be reported')
    })
  }

  function guardFor(roles: readonly BuiltInRole[]): onRequestAsyncHookHandler {
    return async (request) => {
      const { sessionId, userId } = callerOf(request)
      const standing = await standingOf(sessionId)
      if (standing === null) throw new AppError('session_revoked')
      if (!roles.some((role) => standing.roles.includes(role))) {
        report(request)
        throw new AppError('forbidden')
      }
      if (!requireMfa.admins || standing.aal >= withSecondFactor) return
      if (standing.hasSecondFactor) throw new StepUpRequired((await optionsOf(userId)).methods)
      throw new AppError('mfa_required', 'Enrol a second factor: POST /2fa/setup.')
    }
  }

  app.addHook('onRoute', (route) => {
    const roles = route.config?.roles
    if (roles === undefined) return
    if (route.config?.auth !== 'session') throw new Error(`${route.url} asks nobody for a role`)
    route.onRequest = [...[route.onRequest ?? []].flat(), guardFor(roles)]
  })
}
