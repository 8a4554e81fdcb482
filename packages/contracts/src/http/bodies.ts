import { Type, type Static } from 'typebox'
import {
  DisplayName,
  Email,
  Locale,
  MfaToken,
  OneTimeToken,
  Password,
  RecoveryCode,
  RefreshToken,
  RememberToken,
  TotpCode,
  Traits,
  Username,
  UserType,
} from './fields.js'
import { PasskeyAssertion } from './passkeys.js'

const closed = { additionalProperties: false } as const

export const RegisterBody = Type.Object(
  {
    email: Email,
    password: Password,
    passwordConfirmation: Type.Optional(Password),
    name: Type.Optional(DisplayName),
    username: Type.Optional(Username),
    userType: Type.Optional(UserType),
    traits: Type.Optional(Traits),
    locale: Type.Optional(Locale),
  },
  { $id: 'RegisterBody', ...closed },
)
export type RegisterBody = Static<typeof RegisterBody>

/** Exactly one of `email` and `username`; the use case says so, because a JSON Schema `oneOf` reads badly in errors. */
export const LoginBody = Type.Object(
  {
    email: Type.Optional(Email),
    username: Type.Optional(Username),
    password: Password,
    deviceName: Type.Optional(DisplayName),
    userType: Type.Optional(UserType),
    rememberToken: Type.Optional(RememberToken),
  },
  { $id: 'LoginBody', ...closed },
)
export type LoginBody = Static<typeof LoginBody>

/** Empty or missing where the refresh token is in a cookie. */
export const RefreshBody = Type.Object(
  { refreshToken: Type.Optional(RefreshToken) },
  { $id: 'RefreshBody', ...closed },
)
export type RefreshBody = Static<typeof RefreshBody>

export const LogoutBody = Type.Object(
  { refreshToken: Type.Optional(RefreshToken) },
  { $id: 'LogoutBody', ...closed },
)
export type LogoutBody = Static<typeof LogoutBody>

export const PatchMeBody = Type.Object(
  {
    name: Type.Optional(Type.Union([DisplayName, Type.Null()])),
    username: Type.Optional(Type.Union([Username, Type.Null()])),
    traits: Type.Optional(Traits),
    locale: Type.Optional(Type.Union([Locale, Type.Null()])),
  },
  { $id: 'PatchMeBody', minProperties: 1, ...closed },
)
export type PatchMeBody = Static<typeof PatchMeBody>

export const ChangePasswordBody = Type.Object(
  { currentPassword: Password, newPassword: Password },
  { $id: 'ChangePasswordBody', ...closed },
)
export type ChangePasswordBody = Static<typeof ChangePasswordBody>

/** What a link in a mail carries, and nothing else. */
export const LinkBody = Type.Object({ token: OneTimeToken }, { $id: 'LinkBody', ...closed })
export type LinkBody = Static<typeof LinkBody>

export const ResendVerificationBody = Type.Object(
  { email: Email },
  { $id: 'ResendVerificationBody', ...closed },
)
export type ResendVerificationBody = Static<typeof ResendVerificationBody>

export const ChangeEmailBody = Type.Object(
  { password: Password, newEmail: Email },
  { $id: 'ChangeEmailBody', ...closed },
)
export type ChangeEmailBody = Static<typeof ChangeEmailBody>

/** Exactly one of them; the use case says so. */
const secondFactor = { code: Type.Optional(TotpCode), recoveryCode: Type.Optional(RecoveryCode) }

/** Exactly one field. */
export const StepUpBody = Type.Object(
  { password: Type.Optional(Password), ...secondFactor, passkey: Type.Optional(PasskeyAssertion) },
  { $id: 'StepUpBody', ...closed },
)
export type StepUpBody = Static<typeof StepUpBody>

export const TotpVerifyBody = Type.Object({ code: TotpCode }, { $id: 'TotpVerifyBody', ...closed })
export type TotpVerifyBody = Static<typeof TotpVerifyBody>

export const SecondFactorBody = Type.Object(
  { password: Password, ...secondFactor },
  { $id: 'SecondFactorBody', ...closed },
)
export type SecondFactorBody = Static<typeof SecondFactorBody>

/** The second factor from whoever has one. */
export const DeleteMeBody = Type.Object(
  { password: Password, ...secondFactor },
  { $id: 'DeleteMeBody', ...closed },
)
export type DeleteMeBody = Static<typeof DeleteMeBody>

export const ChallengeBody = Type.Object(
  {
    mfaToken: MfaToken,
    ...secondFactor,
    passkey: Type.Optional(PasskeyAssertion),
    rememberDevice: Type.Optional(
      Type.Boolean({ description: 'Whether the password alone is to do on this device for a while' }),
    ),
  },
  { $id: 'ChallengeBody', ...closed },
)
export type ChallengeBody = Static<typeof ChallengeBody>

/** Of a sign-in that answered `mfaEnrolmentRequired`. */
export const EnrolmentBody = Type.Object({ mfaToken: MfaToken }, { $id: 'EnrolmentBody', ...closed })
export type EnrolmentBody = Static<typeof EnrolmentBody>

export const EnrolmentVerifyBody = Type.Object(
  { mfaToken: MfaToken, code: TotpCode },
  { $id: 'EnrolmentVerifyBody', ...closed },
)
export type EnrolmentVerifyBody = Static<typeof EnrolmentVerifyBody>

export const ForgotPasswordBody = Type.Object({ email: Email }, { $id: 'ForgotPasswordBody', ...closed })
export type ForgotPasswordBody = Static<typeof ForgotPasswordBody>

export const ResetPasswordBody = Type.Object(
  { token: OneTimeToken, password: Password },
  { $id: 'ResetPasswordBody', ...closed },
)
export type ResetPasswordBody = Static<typeof ResetPasswordBody>

export const MagicLinkBody = Type.Object({ email: Email }, { $id: 'MagicLinkBody', ...closed })
export type MagicLinkBody = Static<typeof MagicLinkBody>

export const VerifyMagicLinkBody = Type.Object(
  { token: OneTimeToken, deviceName: Type.Optional(DisplayName) },
  { $id: 'VerifyMagicLinkBody', ...closed },
)
export type VerifyMagicLinkBody = Static<typeof VerifyMagicLinkBody>
