import { AcknowledgeBody, Alert, AlertFilter, Alerts, AlertWithEvents } from '@latchkey/contracts/http/alerts'
import { Problem } from '@latchkey/contracts/http/answers'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { adminOf, forAdmins, forReaders, IdParameter, problems } from '../routes.js'
import { acknowledgeAlert } from './acknowledge-alert.js'
import { listAlerts } from './list-alerts.js'
import { readAlertWithEvents } from './read-alert.js'

export function alertRoutes(app: App, deps: Deps): void {
  app.get('/alerts', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'What detection has found, newest first',
      description:
        'A page looks at 20,000 alerts at most: it may be shorter than asked for, or empty, while `nextCursor` says that there is more. ' +
        '`from` is included, `to` is not.',
      querystring: AlertFilter,
      response: { 200: Alerts, ...problems },
    },
    handler: (request) => listAlerts(deps, request.query),
  })

  app.get('/alerts/:id', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'One alert, with the events that led to it',
      params: IdParameter,
      response: { 200: AlertWithEvents, ...problems, 404: Problem },
    },
    handler: (request) => readAlertWithEvents(deps, request.params.id),
  })

  app.post('/alerts/:id/acknowledge', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Say that somebody has seen to an alert',
      description: 'What comes after a quiet time opens another one. A second time changes nothing.',
      params: IdParameter,
      body: Type.Optional(AcknowledgeBody),
      response: { 200: Alert, ...problems, 404: Problem },
    },
    handler: (request) =>
      acknowledgeAlert(deps, adminOf(request), { id: request.params.id, note: request.body?.note ?? null }),
  })
}
