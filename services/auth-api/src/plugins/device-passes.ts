import { newId } from '@latchkey/platform/crypto/identifiers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { decodeDevicePass, type DevicePass, devicePassSeconds, encodeDevicePass } from '../device-pass.js'
import { createSessionCookies } from './session-cookies.js'

/** The cookie by which a device is known to be one of its user's. Every client gets it, whether its session is in cookies or not. */
export interface DevicePasses {
  /** Whoever's it is; null without a good one. */
  read(request: FastifyRequest): DevicePass | null
  /** After a sign-in, whose time is the database's: the device keeps its id while it stays this user's. */
  give(request: FastifyRequest, reply: FastifyReply, user: { userId: string; at: Date }): void
}

declare module 'fastify' {
  interface FastifyInstance {
    devicePasses: DevicePasses
  }
}

export function registerDevicePasses(app: App, { config, keyring }: Pick<Deps, 'config' | 'keyring'>): void {
  const cookies = createSessionCookies(config.nodeEnv === 'production')

  function read({ raw }: FastifyRequest): DevicePass | null {
    const cookie = cookies.read(raw, 'devicePass')
    return cookie.kind === 'value' ? decodeDevicePass(keyring, cookie.value) : null
  }

  app.decorate('devicePasses', {
    read,
    give(request, reply, { userId, at }) {
      const present = read(request)
      const deviceId = present?.userId === userId ? present.deviceId : newId()
      const pass = encodeDevicePass(keyring.current, { userId, deviceId, issuedAt: at })
      reply.header('set-cookie', cookies.write('devicePass', pass, devicePassSeconds))
    },
  })
}
