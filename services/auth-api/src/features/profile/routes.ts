import { Problem, User } from '@latchkey/contracts/http/answers'
import { PatchMeBody } from '@latchkey/contracts/http/bodies'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { changeOwnProfile, readOwnProfile } from './own-profile.js'

export function profileRoutes(app: App, deps: Deps): void {
  app.get('/me', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'Who is signed in',
      response: { 200: User, 401: Problem, 429: Problem, 503: Problem },
    },
    handler: (request) => readOwnProfile(deps, callerOf(request).userId),
  })

  app.patch('/me', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'Change name, username or traits',
      description:
        'What is left out stays; null clears a name or username; traits are replaced as a whole, but for those that only admins set.',
      body: PatchMeBody,
      response: { 200: User, 400: Problem, 401: Problem, 409: Problem, 429: Problem, 503: Problem },
    },
    handler: (request) => changeOwnProfile(deps, callerOf(request).userId, request.body),
  })
}
