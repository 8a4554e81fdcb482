import { Type, type Static } from 'typebox'
import { DisplayName, Id, Time } from './fields.js'

const closed = { additionalProperties: false } as const
const text = Type.Union([Type.String(), Type.Null()])
const time = Type.Union([Time, Type.Null()])

/** Bound only: what is not on the list is refused by the use case, and one that is no URL like one that is. */
const ReturnTo = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: 'Where to lead back to: a URL under one of RETURN_TO_ALLOWED',
})

/** RFC 7636, 4.2, with S256: 43 characters of base64url without padding, of which the last has two bits to spare. */
const CodeChallenge = Type.String({
  pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$',
  description: 'SHA-256 of a codeVerifier, for apps that have no cookies of ours: base64url',
})

/** RFC 7636, 4.1. */
const CodeVerifier = Type.String({
  pattern: '^[A-Za-z0-9._~-]{43,128}$',
  description: 'What the codeChallenge was made of, where one was given',
})

/** Bound only: what is none is answered like one that was used. */
const Code = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'lkf_…, from the address that was led back to',
})

export const ProviderId = Type.Object({
  provider: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', description: 'Of GET /oauth' }),
})

export const Providers = Type.Object(
  {
    providers: Type.Array(
      Type.Object({ id: Type.String(), name: Type.String({ description: 'For the button' }) }),
    ),
  },
  { $id: 'Providers' },
)
export type Providers = Static<typeof Providers>

/** Either `returnTo` or the `ticket` of a URL that we made; the use case says so. */
export const BeginQuery = Type.Object(
  {
    returnTo: Type.Optional(ReturnTo),
    codeChallenge: Type.Optional(CodeChallenge),
    ticket: Type.Optional(
      Type.String({ maxLength: 256, description: 'Of POST /oauth/:provider/link and /step-up' }),
    ),
  },
  closed,
)
export type BeginQuery = Static<typeof BeginQuery>

/** A provider may add what it likes. */
export const CallbackQuery = Type.Object({ state: Type.Optional(Type.String()) })

export const BeginForSessionBody = Type.Object(
  { returnTo: ReturnTo, codeChallenge: Type.Optional(CodeChallenge) },
  { $id: 'BeginForSessionBody', ...closed },
)
export type BeginForSessionBody = Static<typeof BeginForSessionBody>

export const ProviderUrl = Type.Object(
  { url: Type.String({ description: 'To be opened by the browser within a minute' }) },
  { $id: 'ProviderUrl' },
)
export type ProviderUrl = Static<typeof ProviderUrl>

const codeFields = { code: Code, codeVerifier: Type.Optional(CodeVerifier) }

export const ExchangeBody = Type.Object(
  { ...codeFields, deviceName: Type.Optional(DisplayName) },
  { $id: 'ExchangeBody', ...closed },
)
export type ExchangeBody = Static<typeof ExchangeBody>

export const FinishForSessionBody = Type.Object({ ...codeFields }, { $id: 'FinishForSessionBody', ...closed })
export type FinishForSessionBody = Static<typeof FinishForSessionBody>

export const GoogleNonceBody = Type.Optional(
  Type.Object({ codeChallenge: Type.Optional(CodeChallenge) }, { $id: 'GoogleNonceBody', ...closed }),
)
export type GoogleNonceBody = Static<typeof GoogleNonceBody>

export const GoogleNonce = Type.Object(
  { nonce: Type.String(), expiresIn: Type.Integer({ description: 'Seconds' }) },
  { $id: 'GoogleNonce' },
)
export type GoogleNonce = Static<typeof GoogleNonce>

export const GoogleBody = Type.Object(
  {
    credential: Type.String({
      minLength: 1,
      maxLength: 8192,
      description: 'ID token of Google Identity Services',
    }),
    codeVerifier: Type.Optional(CodeVerifier),
    deviceName: Type.Optional(DisplayName),
  },
  { $id: 'GoogleBody', ...closed },
)
export type GoogleBody = Static<typeof GoogleBody>

export const Identity = Type.Object(
  {
    id: Id,
    provider: Type.String(),
    email: text,
    linkedAt: Time,
    lastUsedAt: time,
  },
  { $id: 'Identity' },
)
export type Identity = Static<typeof Identity>

export const Identities = Type.Object({ identities: Type.Array(Identity) }, { $id: 'Identities' })
export type Identities = Static<typeof Identities>
