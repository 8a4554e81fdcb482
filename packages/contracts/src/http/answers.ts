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
    locale: nullable(Type.String()),
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

/** The first factor was right, and the user has a second. */
export const SecondFactorRequired = Type.Object(
  {
    mfaRequired: Type.Literal(true),
    mfaToken: Type.String({ description: 'To be sent to POST /2fa/challenge with the second factor' }),
    methods: Type.Array(Type.String(), { description: 'What the user has: totp, passkey, recovery_code' }),
    expiresIn: Type.Integer({ description: 'Seconds' }),
  },
  { $id: 'SecondFactorRequired' },
)
export type SecondFactorRequired = Static<typeof SecondFactorRequired>

/** The first factor was right, and the user must have a second and has none. */
export const EnrolmentRequired = Type.Object(
  {
    mfaEnrolmentRequired: Type.Literal(true),
    mfaToken: Type.String({ description: 'Good for setting a second factor up, and for nothing else' }),
    methods: Type.Array(Type.String(), { description: 'What can be set up: totp, passkey' }),
    expiresIn: Type.Integer({ description: 'Seconds' }),
  },
  { $id: 'EnrolmentRequired' },
)
export type EnrolmentRequired = Static<typeof EnrolmentRequired>

/** What a first factor answers: a session, or `SecondFactorRequired` or `EnrolmentRequired` in its place. */
export const SignInAnswer = Type.Object({ ...Session.properties }, { $id: 'SignInAnswer' })

/** What a second factor answers. */
export const ChallengeAnswer = Type.Object(
  {
    ...Session.properties,
    rememberToken: Type.Optional(
      Type.String({
        description: 'lkr_…, to be sent with the next sign-ins; in a cookie where the session is',
      }),
    ),
  },
  { $id: 'ChallengeAnswer' },
)
export type ChallengeAnswer = Static<typeof ChallengeAnswer>

export const SecondFactors = Type.Object(
  {
    totp: Type.Union([Type.Object({ enabledAt: Time }), Type.Null()]),
    recoveryCodesLeft: Type.Integer(),
    passkeys: Type.Integer(),
    rememberedDevices: Type.Integer(),
    isRequired: Type.Boolean({ description: 'Whether the last one cannot be removed: REQUIRE_MFA' }),
  },
  { $id: 'SecondFactors' },
)
export type SecondFactors = Static<typeof SecondFactors>

export const TotpSetup = Type.Object(
  {
    secret: Type.String({ description: 'Base32, to be typed where the picture cannot be scanned' }),
    otpauthUrl: Type.String(),
    qrCode: Type.String({ description: 'The same as a picture: a data URL of a PNG' }),
  },
  { $id: 'TotpSetup' },
)
export type TotpSetup = Static<typeof TotpSetup>

export const RecoveryCodes = Type.Object(
  { recoveryCodes: Type.Array(Type.String(), { description: 'Shown this once; each is good once' }) },
  { $id: 'RecoveryCodes' },
)
export type RecoveryCodes = Static<typeof RecoveryCodes>

/** A sign-in that was completed by setting a second factor up. */
export const EnrolledSession = Type.Object(
  { ...Session.properties, recoveryCodes: Type.Optional(RecoveryCodes.properties.recoveryCodes) },
  { $id: 'EnrolledSession' },
)
export type EnrolledSession = Static<typeof EnrolledSession>

export const EnrolledCookieSession = Type.Object(
  { ...CookieSession.properties, ...RecoveryCodes.properties },
  { $id: 'EnrolledCookieSession' },
)
export type EnrolledCookieSession = Static<typeof EnrolledCookieSession>

export const RememberedDevice = Type.Object({
  id: Id,
  name: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  ipAddress: nullable(Type.String()),
  createdAt: Time,
  lastUsedAt: Time,
  expiresAt: Time,
})
export type RememberedDevice = Static<typeof RememberedDevice>

export const RememberedDevices = Type.Object(
  { devices: Type.Array(RememberedDevice) },
  { $id: 'RememberedDevices' },
)
export type RememberedDevices = Static<typeof RememberedDevices>

export const ForgottenCount = Type.Object({ forgotten: Type.Integer() }, { $id: 'ForgottenCount' })
export type ForgottenCount = Static<typeof ForgottenCount>

export const CsrfToken = Type.Object(
  { csrfToken: Type.String({ description: 'To be sent as X-CSRF-Token' }) },
  { $id: 'CsrfToken' },
)
export type CsrfToken = Static<typeof CsrfToken>

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
export type SessionList = Static<typeof SessionList>
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
export type MailRequested = Static<typeof MailRequested>

/** The same for an address that has an account, whose owner is told by mail. */
export const VerificationRequired = Type.Object(
  { status: Type.Literal('verification_required') },
  { $id: 'VerificationRequired' },
)
export type VerificationRequired = Static<typeof VerificationRequired>

export const RevokedCount = Type.Object({ revoked: Type.Integer() }, { $id: 'RevokedCount' })
export type RevokedCount = Static<typeof RevokedCount>

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
      Type.Array(Type.String(), {
        description:
          'step_up_required: what POST /step-up takes from this user, and `oauth` for POST /oauth/:provider/step-up',
      }),
    ),
    maxAgeSeconds: Type.Optional(
      Type.Integer({ description: 'step_up_required: how old the authentication may be' }),
    ),
  },
  { $id: 'Problem' },
)
export type Problem = Static<typeof Problem>
