import { AdminStats } from '@latchkey/contracts/http/admin'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { forReaders, problems } from '../routes.js'
import { readStats } from './read-stats.js'

export function statsRoutes(app: App, deps: Deps): void {
  app.get('/stats', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'How many users and sessions there are',
      description: 'Counted by the worker twice a minute; estimates where there are many.',
      response: { 200: AdminStats, ...problems },
    },
    handler: () => readStats(deps),
  })
}
