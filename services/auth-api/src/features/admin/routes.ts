import { Problem } from '@latchkey/contracts/http/answers'
import { Id } from '@latchkey/contracts/http/fields'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import type { ActingAdmin } from './acting-admin.js'

/** Whoever may look, may look at everything. */
export const forReaders = { auth: 'session', limit: 'general', roles: ['admin', 'auditor'] } as const

/** Whoever changes something has shown in the last minutes that it is they who sit there. */
export const forAdmins = { auth: 'session', limit: 'general', roles: ['admin'], freshAuth: true } as const

export const IdParameter = Type.Object({ id: Id }, { additionalProperties: false })
export const NoContent = Type.Null({ description: 'Done' })

export const problems = { 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem }

export function adminOf(request: FastifyRequest): ActingAdmin {
  const { userId, sessionId } = callerOf(request)
  return { userId, sessionId, origin: originOf(request) }
}
