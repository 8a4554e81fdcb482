import { Type, type Static } from 'typebox'
import { Id, Time } from './fields.js'

const text = Type.Union([Type.String(), Type.Null()])
const time = Type.Union([Time, Type.Null()])
const texts = Type.Array(Type.String())

export const ExportedEvent = Type.Object({
  id: Id,
  occurredAt: Time,
  type: Type.String(),
  severity: Type.String(),
  sessionId: Type.Union([Id, Type.Null()]),
  byYourself: Type.Boolean({
    description: 'False where somebody else acted on the account: an admin or a service',
  }),
  ipAddress: text,
  userAgent: text,
  data: Type.Record(Type.String(), Type.Unknown()),
})
export type ExportedEvent = Static<typeof ExportedEvent>

/** Everything that is kept of a user, but for secrets: those are facts without their values. */
export const PersonalData = Type.Object(
  {
    exportedAt: Time,
    user: Type.Object({
      id: Id,
      email: Type.String(),
      emailVerifiedAt: time,
      username: text,
      name: text,
      userType: text,
      roles: texts,
      traits: Type.Record(Type.String(), Type.Unknown()),
      locale: text,
      mfaEnabled: Type.Boolean(),
      createdAt: Time,
      updatedAt: Time,
      lastLoginAt: time,
    }),
    password: Type.Union([Type.Object({ changedAt: Time }), Type.Null()]),
    secondFactors: Type.Object({
      totp: Type.Union([Type.Object({ enabledAt: Time }), Type.Null()]),
      recoveryCodesLeft: Type.Integer(),
    }),
    identities: Type.Array(
      Type.Object({
        provider: Type.String(),
        issuer: Type.String(),
        subject: Type.String(),
        email: text,
        linkedAt: Time,
        lastUsedAt: time,
      }),
      { description: 'Accounts at providers that can sign in' },
    ),
    rememberedDevices: Type.Array(
      Type.Object({
        name: text,
        userAgent: text,
        ipAddress: text,
        createdAt: Time,
        lastUsedAt: Time,
        expiresAt: Time,
      }),
    ),
    passkeys: Type.Array(
      Type.Object({
        id: Id,
        credentialId: Type.String({ description: 'base64url' }),
        name: Type.String(),
        isSynced: Type.Boolean(),
        isBackedUp: Type.Boolean(),
        transports: texts,
        createdAt: Time,
        lastUsedAt: time,
        disabledAt: time,
      }),
    ),
    sessions: Type.Array(
      Type.Object({
        id: Id,
        deviceName: text,
        userAgent: text,
        ipAddress: text,
        amr: texts,
        createdAt: Time,
        authenticatedAt: Time,
        lastUsedAt: Time,
        idleExpiresAt: Time,
        absoluteExpiresAt: Time,
        revokedAt: time,
        revokeReason: text,
      }),
    ),
    knownDevices: Type.Array(Type.Object({ firstSeenAt: Time, lastSeenAt: Time })),
    links: Type.Array(
      Type.Object(
        { purpose: Type.String(), email: Type.String(), createdAt: Time, expiresAt: Time },
        { description: 'In mails, and still good' },
      ),
    ),
    unfinishedSignIns: Type.Array(Type.Object({ deviceName: text, amr: texts, expiresAt: Time })),
    mails: Type.Array(
      Type.Object({ template: Type.String(), createdAt: Time, settledAt: time, status: text }),
    ),
    alerts: Type.Array(
      Type.Object({
        rule: Type.String(),
        severity: Type.String(),
        ipAddress: text,
        eventCount: Type.Integer(),
        firstAt: Time,
        lastAt: Time,
        actions: texts,
        note: text,
      }),
      { description: 'What detection found about the account' },
    ),
    events: Type.Array(ExportedEvent),
  },
  { $id: 'PersonalData' },
)
export type PersonalData = Static<typeof PersonalData>
