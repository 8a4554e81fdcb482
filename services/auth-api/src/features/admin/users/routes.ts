import {
  AdminSessions,
  AdminUser,
  AdminUsers,
  ChangeUserBody,
  CreateUserBody,
  pageParameters,
  UserFilter,
} from '@latchkey/contracts/http/admin'
import { Problem, RevokedCount } from '@latchkey/contracts/http/answers'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { describePasswordRules } from '../../passwords/password-policy.js'
import { adminOf, forAdmins, forReaders, IdParameter, NoContent, problems } from '../routes.js'
import { listSessionsOfUser } from '../sessions/list-sessions.js'
import { changeUser } from './change-user.js'
import { createUser } from './create-user.js'
import { endUserSessions } from './end-user-sessions.js'
import { eraseUser } from './erase-user.js'
import { listUsers } from './list-users.js'
import { readUser } from './read-user.js'
import { resetUserFactors } from './reset-user-factors.js'

const Page = Type.Object(pageParameters, { additionalProperties: false })

export function userRoutes(app: App, deps: Deps): void {
  app.get('/users', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'Users, newest first',
      description:
        'A page looks at 20,000 users at most: it may be shorter than asked for, or empty, while `nextCursor` says that there is more.',
      querystring: UserFilter,
      response: { 200: AdminUsers, ...problems },
    },
    handler: (request) => listUsers(deps, request.query),
  })

  app.post('/users', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Make a user',
      description: `Without a password the owner of the address gets a mail with a link to choose one. ${describePasswordRules(deps.config)}`,
      body: CreateUserBody,
      response: { 201: AdminUser, ...problems, 409: Problem },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return createUser(deps, adminOf(request), request.body)
    },
  })

  app.get('/users/:id', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'One user',
      params: IdParameter,
      response: { 200: AdminUser, ...problems, 404: Problem },
    },
    handler: (request) => readUser(deps, request.params.id),
  })

  app.patch('/users/:id', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Change a user',
      description:
        'What is left out stays; null clears a name or username; traits and roles are replaced as a whole. Who is disabled, or ' +
        'loses a role, is signed out everywhere. Nobody changes their own roles or status.',
      params: IdParameter,
      body: ChangeUserBody,
      response: { 200: AdminUser, ...problems, 404: Problem, 409: Problem },
    },
    handler: (request) => changeUser(deps, adminOf(request), request.params.id, request.body),
  })

  app.delete('/users/:id', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Erase a user',
      description: 'For good: personal data goes everywhere, events stay under a pseudonym.',
      params: IdParameter,
      response: { 204: NoContent, ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      await eraseUser(deps, adminOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })

  app.post('/users/:id/reset-2fa', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Remove the second factors of a user, and end all their sessions',
      params: IdParameter,
      response: { 204: NoContent, ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      await resetUserFactors(deps, adminOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })

  app.post('/users/:id/logout-all', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'End all sessions of a user',
      params: IdParameter,
      response: { 200: RevokedCount, ...problems, 404: Problem },
    },
    handler: async (request) => ({
      revoked: await endUserSessions(deps, adminOf(request), request.params.id),
    }),
  })

  app.get('/users/:id/sessions', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'Where a user is signed in',
      params: IdParameter,
      querystring: Page,
      response: { 200: AdminSessions, ...problems, 404: Problem },
    },
    handler: (request) => listSessionsOfUser(deps, request.params.id, request.query),
  })
}
