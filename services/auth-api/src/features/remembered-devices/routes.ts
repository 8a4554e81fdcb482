import { ForgottenCount, Problem, RememberedDevices } from '@latchkey/contracts/http/answers'
import { Id } from '@latchkey/contracts/http/fields'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { forgetDevice, forgetDevices } from './forget-devices.js'
import { listRememberedDevices } from './list-remembered-devices.js'

const problems = { 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem }
const asUser = { auth: 'session', limit: 'general' } as const
const tags = ['second factor']

/** Forgetting takes no fresh authentication: whoever has a stolen session only makes the sign-in harder by it. */
export function rememberedDeviceRoutes(app: App, deps: Deps): void {
  app.get('/2fa/devices', {
    config: asUser,
    schema: {
      tags,
      summary: 'The devices that are not asked for the second factor',
      response: { 200: RememberedDevices, ...problems },
    },
    handler: async (request) => ({ devices: await listRememberedDevices(deps, callerOf(request).userId) }),
  })

  app.delete('/2fa/devices', {
    config: asUser,
    schema: {
      tags,
      summary: 'Ask every device for the second factor again',
      description: 'Sessions go on: POST /logout-all ends them, and does this too.',
      response: { 200: ForgottenCount, ...problems },
    },
    handler: async (request) => {
      const { userId } = callerOf(request)
      return { forgotten: await forgetDevices(deps, { userId, origin: originOf(request) }) }
    },
  })

  app.delete('/2fa/devices/:id', {
    config: asUser,
    schema: {
      tags,
      summary: 'Ask a device for the second factor again',
      params: Type.Object({ id: Id }, { additionalProperties: false }),
      response: { 204: Type.Null({ description: 'Done' }), ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      const { userId } = callerOf(request)
      await forgetDevice(deps, { id: request.params.id, userId, origin: originOf(request) })
      return reply.code(204).send(null)
    },
  })
}
