import { Type } from 'typebox'

/** 320 = 64 (local part) + 1 + 255 (domain), RFC 3696 erratum 1690. The shape is checked again after normalisation. */
export const Email = Type.String({ minLength: 3, maxLength: 320, description: 'E-mail address' })

/** Stored and compared in lower case. */
export const Username = Type.String({
  minLength: 3,
  maxLength: 32,
  pattern: '^[A-Za-z0-9._-]+$',
  description: 'Username: a-z 0-9 . _ -',
})

/** A password being set or presented. The policy (code points, lists) is applied after NFKC; this bound only stops abuse. */
export const Password = Type.String({ minLength: 1, maxLength: 1024, description: 'Password' })

/** No control characters, no bidirectional overrides: names are shown to people and in mail. */
export const DisplayName = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000-\\u001F\\u007F-\\u009F\\u200E\\u200F\\u202A-\\u202E\\u2066-\\u2069]+$',
  description: 'A name shown to people',
})

/** As `users_locale_check` has it. */
export const Locale = Type.String({
  maxLength: 30,
  pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$',
  description: 'Language of mails, BCP 47: de, pt-BR',
})

export const UserType = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' })
export const Traits = Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), { maxProperties: 64 })
export const Id = Type.String({ format: 'uuid', description: 'UUIDv7' })
export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })

/** Bound only: a token's real shape is checked by its codec, which answers 401, not 400. */
export const RefreshToken = Type.String({ minLength: 1, maxLength: 4096, description: 'lk1.…' })

/** Bound only, as above: what is none is answered like one that was used. */
export const OneTimeToken = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'lkl_…, from the fragment of a link in a mail',
})

export const TotpCode = Type.String({
  pattern: '^[0-9]{6}$',
  description: 'Six digits of an authenticator app',
})

/** Bound only: however it is typed, the use case reads it. */
export const RecoveryCode = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'One of the recovery codes',
})

/** Bound only, as above. */
export const MfaToken = Type.String({ minLength: 1, maxLength: 256, description: 'lkm_…' })

/** Bound only, as above: what is none counts as not sent. */
export const RememberToken = Type.String({ minLength: 1, maxLength: 256, description: 'lkr_…' })
