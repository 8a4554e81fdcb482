import { Type, type Static } from 'typebox'
import { securityEventTypes } from '../events.js'
import { maxRoles, roleShape } from '../roles.js'
import { SessionListItem, User } from './answers.js'
import { DisplayName, Email, Id, Password, Time, Traits, Username, UserType } from './fields.js'

const closed = { additionalProperties: false } as const
const nullable = <Schema extends ReturnType<typeof Type.String>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])
const NextCursor = Type.Union([Type.String(), Type.Null()], { description: 'Null on the last page' })

const Role = Type.String({ pattern: roleShape })
const Roles = Type.Array(Role, { maxItems: maxRoles, uniqueItems: true })
const Status = Type.Union([Type.Literal('enabled'), Type.Literal('disabled')])

/** A user as admins see them: private traits too, and nothing that a password could be guessed from. */
export const AdminUser = Type.Object(
  {
    ...User.properties,
    status: Status,
    disabledAt: nullable(Time),
    hasPassword: Type.Boolean(),
    updatedAt: Time,
  },
  { $id: 'AdminUser' },
)
export type AdminUser = Static<typeof AdminUser>

export const AdminUsers = Type.Object(
  { users: Type.Array(AdminUser), nextCursor: NextCursor },
  { $id: 'AdminUsers' },
)
export type AdminUsers = Static<typeof AdminUsers>

export const CreateUserBody = Type.Object(
  {
    email: Email,
    password: Type.Optional(Password),
    name: Type.Optional(DisplayName),
    username: Type.Optional(Username),
    userType: Type.Optional(UserType),
    roles: Type.Optional(Roles),
    traits: Type.Optional(Traits),
    emailVerified: Type.Optional(Type.Boolean()),
  },
  { $id: 'CreateUserBody', ...closed },
)
export type CreateUserBody = Static<typeof CreateUserBody>

export const ChangeUserBody = Type.Object(
  {
    name: Type.Optional(nullable(DisplayName)),
    username: Type.Optional(nullable(Username)),
    traits: Type.Optional(Traits),
    roles: Type.Optional(Roles),
    status: Type.Optional(Status),
    emailVerified: Type.Optional(Type.Boolean()),
    unlock: Type.Optional(
      Type.Literal(true, {
        description:
          'Ends a lockout and forgets the failures that led to it; ends a demand of an alert for more than the password',
      }),
    ),
  },
  { $id: 'ChangeUserBody', minProperties: 1, ...closed },
)
export type ChangeUserBody = Static<typeof ChangeUserBody>

const { isCurrent: _, ...shownOfSession } = SessionListItem.properties

export const AdminSession = Type.Object({
  ...shownOfSession,
  userId: Id,
  email: Type.String(),
  roles: Type.Array(Type.String()),
  aal: Type.Integer({ description: 'Authenticator assurance level, NIST SP 800-63B' }),
})
export type AdminSession = Static<typeof AdminSession>

export const AdminSessions = Type.Object(
  { sessions: Type.Array(AdminSession), nextCursor: NextCursor },
  { $id: 'AdminSessions' },
)
export type AdminSessions = Static<typeof AdminSessions>

export const AdminEvent = Type.Object({
  id: Id,
  occurredAt: Time,
  type: Type.String(),
  severity: Type.String(),
  userId: nullable(Id),
  actorId: nullable(Id),
  sessionId: nullable(Id),
  ipAddress: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  requestId: nullable(Type.String()),
  traceId: nullable(Type.String()),
  data: Type.Record(Type.String(), Type.Unknown()),
})
export type AdminEvent = Static<typeof AdminEvent>

export const AdminEvents = Type.Object(
  { events: Type.Array(AdminEvent), nextCursor: NextCursor },
  { $id: 'AdminEvents' },
)
export type AdminEvents = Static<typeof AdminEvents>

const Count = Type.Integer({ minimum: 0 })

export const AdminStats = Type.Object(
  {
    users: Type.Object({ total: Count, disabled: Count, unverified: Count, withSecondFactor: Count }),
    admins: Count,
    sessions: Type.Object({ active: Count }),
    measuredAt: Type.Union([Time, Type.Null()], {
      description: 'When a worker last counted users and sessions; null before the first time',
    }),
  },
  { $id: 'AdminStats' },
)
export type AdminStats = Static<typeof AdminStats>

export const ServiceClient = Type.Object({
  clientId: Id,
  name: Type.String(),
  audience: nullable(Type.String()),
  scopes: Type.Array(Type.String()),
  createdAt: Time,
  disabledAt: nullable(Time),
  lastUsedAt: nullable(Time),
  previousSecretExpiresAt: nullable(Time),
})
export type ServiceClient = Static<typeof ServiceClient>

export const ServiceClients = Type.Object({ clients: Type.Array(ServiceClient) }, { $id: 'ServiceClients' })
export type ServiceClients = Static<typeof ServiceClients>

export const NewClientBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    audience: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    scopes: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 32 }),
    ),
  },
  { $id: 'NewClientBody', ...closed },
)
export type NewClientBody = Static<typeof NewClientBody>

export const RotateSecretBody = Type.Object(
  {
    keepSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        description: 'How long the secret before stays good; 86400 without it',
      }),
    ),
  },
  { $id: 'RotateSecretBody', ...closed },
)
export type RotateSecretBody = Static<typeof RotateSecretBody>

export const ClientCredentials = Type.Object(
  { clientId: Id, clientSecret: Type.String({ description: 'Shown this once' }) },
  { $id: 'ClientCredentials' },
)
export type ClientCredentials = Static<typeof ClientCredentials>

/** Query parameters are texts: nothing that is sent is converted. */
export const pageParameters = {
  cursor: Type.Optional(Type.String({ maxLength: 64, description: '`nextCursor` of the page before' })),
  limit: Type.Optional(
    Type.String({ pattern: '^(?:[1-9][0-9]?|100)$', description: '1 to 100; 50 without it' }),
  ),
}

export const UserFilter = Type.Object(
  {
    ...pageParameters,
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 254,
        pattern: String.raw`^[^\u0000]+$`,
        description: 'How the e-mail address, username, name or a searchable trait begins, in any case',
      }),
    ),
    role: Type.Optional(Role),
    userType: Type.Optional(UserType),
    status: Type.Optional(Status),
    emailVerified: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')])),
    createdFrom: Type.Optional(Time),
    createdTo: Type.Optional(Time),
  },
  closed,
)
export type UserFilter = Static<typeof UserFilter>

export const SessionFilter = Type.Object(
  { ...pageParameters, userId: Type.Optional(Id), role: Type.Optional(Role) },
  closed,
)
export type SessionFilter = Static<typeof SessionFilter>

export const EventFilter = Type.Object(
  {
    ...pageParameters,
    userId: Type.Optional(Id),
    type: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: Object.keys(securityEventTypes) })),
    severity: Type.Optional(
      Type.Unsafe<string>({ type: 'string', enum: ['info', 'notice', 'warning', 'critical'] }),
    ),
    ip: Type.Optional(Type.String({ maxLength: 45 })),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
  },
  closed,
)
export type EventFilter = Static<typeof EventFilter>

export const FailedJobs = Type.Object(
  {
    failed: Type.Integer({ description: 'How many there are; the newest hundred are listed' }),
    jobs: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Type.String(),
        attempts: Type.Integer(),
        reason: Type.String(),
        failedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
      }),
    ),
  },
  { $id: 'FailedJobs' },
)
export type FailedJobs = Static<typeof FailedJobs>
