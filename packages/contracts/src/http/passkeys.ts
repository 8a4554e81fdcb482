import { Type, type Static } from 'typebox'
import { DisplayName, Id, MfaToken, Time } from './fields.js'

const closed = { additionalProperties: false } as const

/** Bounds only: each is read by its own parser, whose refusals all answer alike. */
const base64url = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[A-Za-z0-9_-]+$', description: 'base64url' })

/** 1023 bytes, Web Authentication Level 3, 4. */
const CredentialId = base64url(1364)
const ClientDataJson = base64url(4096)

const credential = {
  id: CredentialId,
  rawId: CredentialId,
  type: Type.Literal('public-key'),
  authenticatorAttachment: Type.Optional(Type.Union([Type.String({ maxLength: 32 }), Type.Null()])),
  clientExtensionResults: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { maxProperties: 32, description: 'Not looked at' }),
  ),
}

// What follows is written by browsers, not by who integrates: one that adds a field must not sign people out of their accounts. So these
// objects are open, alone of all that is taken, and what is not named here is not read.

/** `toJSON()` of what navigator.credentials.create resolves to. */
export const PasskeyAttestation = Type.Object(
  {
    ...credential,
    response: Type.Object({
      clientDataJSON: ClientDataJson,
      attestationObject: base64url(16_384),
      transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 16 })),
    }),
  },
  { $id: 'PasskeyAttestation' },
)
export type PasskeyAttestation = Static<typeof PasskeyAttestation>

/** `toJSON()` of what navigator.credentials.get resolves to. */
export const PasskeyAssertion = Type.Object(
  {
    ...credential,
    response: Type.Object({
      clientDataJSON: ClientDataJson,
      authenticatorData: base64url(4096),
      signature: base64url(2048),
      userHandle: Type.Optional(Type.Union([Type.String({ maxLength: 88 }), Type.Null()])),
    }),
  },
  { $id: 'PasskeyAssertion' },
)
export type PasskeyAssertion = Static<typeof PasskeyAssertion>

export const PasskeyLoginOptionsBody = Type.Object(
  { mfaToken: Type.Optional(MfaToken) },
  { $id: 'PasskeyLoginOptionsBody', ...closed },
)
export type PasskeyLoginOptionsBody = Static<typeof PasskeyLoginOptionsBody>

export const PasskeyLoginBody = Type.Object(
  { passkey: PasskeyAssertion, deviceName: Type.Optional(DisplayName) },
  { $id: 'PasskeyLoginBody', ...closed },
)
export type PasskeyLoginBody = Static<typeof PasskeyLoginBody>

export const PasskeyRegistrationBody = Type.Object(
  { passkey: PasskeyAttestation, name: Type.Optional(DisplayName) },
  { $id: 'PasskeyRegistrationBody', ...closed },
)
export type PasskeyRegistrationBody = Static<typeof PasskeyRegistrationBody>

export const PasskeyEnrolmentBody = Type.Object(
  { mfaToken: MfaToken, passkey: PasskeyAttestation, name: Type.Optional(DisplayName) },
  { $id: 'PasskeyEnrolmentBody', ...closed },
)
export type PasskeyEnrolmentBody = Static<typeof PasskeyEnrolmentBody>

export const PasskeyNameBody = Type.Object({ name: DisplayName }, { $id: 'PasskeyNameBody', ...closed })
export type PasskeyNameBody = Static<typeof PasskeyNameBody>

const Descriptor = Type.Object({
  type: Type.Literal('public-key'),
  id: Type.String(),
  transports: Type.Array(Type.String()),
})

const common = {
  challenge: Type.String(),
  timeout: Type.Integer({ description: 'Milliseconds' }),
}

/** For `PublicKeyCredential.parseCreationOptionsFromJSON`. */
export const PasskeyCreationOptions = Type.Object(
  {
    ...common,
    rp: Type.Object({ id: Type.String(), name: Type.String() }),
    user: Type.Object({ id: Type.String(), name: Type.String(), displayName: Type.String() }),
    pubKeyCredParams: Type.Array(Type.Object({ type: Type.Literal('public-key'), alg: Type.Integer() })),
    excludeCredentials: Type.Array(Descriptor),
    authenticatorSelection: Type.Object({
      residentKey: Type.Literal('required'),
      requireResidentKey: Type.Literal(true),
      userVerification: Type.Literal('required'),
    }),
    attestation: Type.Literal('none'),
  },
  { $id: 'PasskeyCreationOptions' },
)
export type PasskeyCreationOptions = Static<typeof PasskeyCreationOptions>

/** For `PublicKeyCredential.parseRequestOptionsFromJSON`. */
export const PasskeyRequestOptions = Type.Object(
  {
    ...common,
    rpId: Type.String(),
    allowCredentials: Type.Array(Descriptor, { description: 'Empty where any passkey of this site will do' }),
    userVerification: Type.Literal('required'),
  },
  { $id: 'PasskeyRequestOptions' },
)
export type PasskeyRequestOptions = Static<typeof PasskeyRequestOptions>

const nullableTime = Type.Union([Time, Type.Null()])

export const Passkey = Type.Object(
  {
    id: Id,
    name: Type.String(),
    isSynced: Type.Boolean({ description: 'Whether it may be on other devices of yours as well' }),
    createdAt: Time,
    lastUsedAt: nullableTime,
    disabledAt: Type.Union([Time, Type.Null()], {
      description: 'When it was found out that somebody else has it too: it signs in nobody any more',
    }),
  },
  { $id: 'Passkey' },
)
export type Passkey = Static<typeof Passkey>

export const PasskeyAdded = Type.Object(
  {
    passkey: Passkey,
    recoveryCodes: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description:
        'With the first of your factors, and shown this once: for the day on which you have lost it',
    }),
  },
  { $id: 'PasskeyAdded' },
)
export type PasskeyAdded = Static<typeof PasskeyAdded>

export const PasskeyList = Type.Object({ passkeys: Type.Array(Passkey) }, { $id: 'PasskeyList' })
export type PasskeyList = Static<typeof PasskeyList>
