import { Type, type Static } from 'typebox'
import { alertRules } from '../alerts.js'
import { AdminEvent, pageParameters } from './admin.js'
import { Id, Time } from './fields.js'

const closed = { additionalProperties: false } as const
const nullable = <Schema extends ReturnType<typeof Type.String>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

export const Alert = Type.Object(
  {
    id: Id,
    rule: Type.String({ description: 'What it was found by; docs/detection.md has them all' }),
    subject: Type.String({
      description: 'What makes it the same alert when it goes on: a user, a network, …',
    }),
    severity: Type.String(),
    state: Type.Union([Type.Literal('open'), Type.Literal('acknowledged')]),
    userId: nullable(Id),
    ipAddress: nullable(Type.String()),
    incidents: Type.Integer({ description: 'Bursts, each after a quiet time' }),
    eventCount: Type.Integer(),
    firstAt: Time,
    lastAt: Time,
    createdAt: Time,
    actions: Type.Array(Type.String(), { description: 'What was done, the last time' }),
    data: Type.Record(Type.String(), Type.Unknown()),
    acknowledgedAt: nullable(Time),
    acknowledgedBy: nullable(Id),
    note: nullable(Type.String()),
  },
  { $id: 'Alert' },
)
export type Alert = Static<typeof Alert>

export const Alerts = Type.Object(
  {
    alerts: Type.Array(Alert),
    nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'Null on the last page' }),
  },
  { $id: 'Alerts' },
)
export type Alerts = Static<typeof Alerts>

export const AlertWithEvents = Type.Object(
  {
    ...Alert.properties,
    events: Type.Array(AdminEvent, {
      description: 'The first of its events that the log still has, at most 50, in their order',
    }),
  },
  { $id: 'AlertWithEvents' },
)
export type AlertWithEvents = Static<typeof AlertWithEvents>

export const AcknowledgeBody = Type.Object(
  {
    note: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1000,
        pattern: String.raw`^[^\u0000]+$`,
        description: 'For those who look at it later',
      }),
    ),
  },
  { $id: 'AcknowledgeBody', ...closed },
)
export type AcknowledgeBody = Static<typeof AcknowledgeBody>

/** Query parameters are texts: nothing that is sent is converted. */
export const AlertFilter = Type.Object(
  {
    ...pageParameters,
    rule: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: [...alertRules] })),
    severity: Type.Optional(
      Type.Unsafe<string>({ type: 'string', enum: ['info', 'notice', 'warning', 'critical'] }),
    ),
    state: Type.Optional(Type.Union([Type.Literal('open'), Type.Literal('acknowledged')])),
    userId: Type.Optional(Id),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
  },
  closed,
)
export type AlertFilter = Static<typeof AlertFilter>
