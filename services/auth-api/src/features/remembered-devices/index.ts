import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { rememberedDeviceRoutes } from './routes.js'

export async function rememberedDevices(app: App, { deps }: { deps: Deps }): Promise<void> {
  rememberedDeviceRoutes(app, deps)
}
