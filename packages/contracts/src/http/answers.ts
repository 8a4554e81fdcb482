import { Type, type Static } from 'typebox'
import { Id, Time } from './fields.js'

const nullable = (schema: ReturnType<typeof Type.String>) => Type.Union([schema, Type.Null()])

export const User = Type.Object(
  {
    id: Id,
    email: Type.String(),
    emailVerified: Type.Boolean(),
    username: nullable(Type.String()),
    name: nullable(Type.String()),
    userType: nullable(Type.String()),
    roles: Type.Array(Type.String()),
    traits: Type.Record(Type.String(), Type.Unknown()),
    mfaEnabled: Type.Boolean(),
    createdAt: Time,
    lastLoginAt: nullable(Time),
  },
  { $id: 'User' },
)
export type User = Static<typeof User>

const sessionFields = {
  expiresIn: Type.Integer({ description: 'Seconds until the access token expires' }),
  refreshExpiresIn: Type.Integer({ description: 'Seconds until the session expires if it is not refreshed' }),
  sessionId: Id,
  user: User,
}

/** `token` repeats `accessToken` for clients of older backends. */
export const Session = Type.Object(
  {
    token: Type.String(),
    accessToken: Type.String(),
    refreshToken: Type.String(),
    tokenType: Type.Literal('Bearer'),
    ...sessionFields,
  },
  { $id: 'Session' },
)
export type Session = Static<typeof Session>

/** A session whose tokens are in cookies, out of the reach of scripts. */
export const CookieSession = Type.Object(sessionFields, { $id: 'CookieSession' })
export type CookieSession = Static<typeof CookieSession>

export const CsrfToken = Type.Object(
  { csrfToken: Type.String({ description: 'To be sent as X-CSRF-Token' }) },
  { $id: 'CsrfToken' },
)

export const SessionListItem = Type.Object({
  id: Id,
  deviceName: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  ipAddress: nullable(Type.String()),
  createdAt: Time,
  lastUsedAt: Time,
  expiresAt: Time,
  isCurrent: Type.Boolean(),
})
export type SessionListItem = Static<typeof SessionListItem>

export const SessionList = Type.Object({ sessions: Type.Array(SessionListItem) }, { $id: 'SessionList' })
/** What users see of a security event of theirs. */
export const OwnEvent = Type.Object({
  id: Id,
  occurredAt: Time,
  type: Type.String(),
  severity: Type.String(),
  sessionId: Type.Union([Id, Type.Null()]),
  ipAddress: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  data: Type.Record(Type.String(), Type.Unknown()),
})
export type OwnEvent = Static<typeof OwnEvent>

export const OwnEvents = Type.Object(
  {
    events: Type.Array(OwnEvent),
    nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'Null on the last page' }),
  },
  { $id: 'OwnEvents' },
)
export type OwnEvents = Static<typeof OwnEvents>

/** The same whoever asks for whatever address: whether a mail follows is between us and its mailbox. */
export const MailRequested = Type.Object({ status: Type.Literal('sent_if_known') }, { $id: 'MailRequested' })

export const RevokedCount = Type.Object({ revoked: Type.Integer() }, { $id: 'RevokedCount' })

/** RFC 9457, with members of ours. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String(),
    errorId: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
    methods: Type.Optional(
      Type.Array(Type.String(), { description: 'step_up_required: what POST /step-up takes from this user' }),
    ),
    maxAgeSeconds: Type.Optional(
      Type.Integer({ description: 'step_up_required: how old the authentication may be' }),
    ),
  },
  { $id: 'Problem' },
)
export type Problem = Static<typeof Problem>
