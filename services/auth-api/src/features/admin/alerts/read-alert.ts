import { AppError } from '@latchkey/contracts/errors'
import type { Alert, AlertWithEvents } from '@latchkey/contracts/http/alerts'
import type { Deps } from '../../../deps.js'
import { alertAnswer } from './alert-answer.js'
import { findAlert, listEventsOfAlert } from './queries.js'

type ReadDeps = Pick<Deps, 'sql'>

/** @throws AppError not_found. */
export async function readAlert({ sql }: ReadDeps, id: string): Promise<Alert> {
  const row = await findAlert(sql, id)
  if (row === null) throw new AppError('not_found')
  return alertAnswer(row)
}

/** With the story: what happened, in its order. @throws AppError not_found. */
export async function readAlertWithEvents(deps: ReadDeps, id: string): Promise<AlertWithEvents> {
  const alert = await readAlert(deps, id)
  const events = await listEventsOfAlert(deps.sql, id)
  return {
    ...alert,
    events: events.map((event) => ({ ...event, occurredAt: event.occurredAt.toISOString() })),
  }
}
