import type {
  EnrolmentRequired,
  MailRequested,
  OwnEvents,
  RevokedCount,
  SecondFactorRequired,
  Session,
  SessionList,
  VerificationRequired,
} from '@latchkey/contracts/http/answers'
import type {
  ChangeEmailBody,
  ChangePasswordBody,
  DeleteMeBody,
  ForgotPasswordBody,
  LinkBody,
  LoginBody,
  MagicLinkBody,
  PatchMeBody,
  RegisterBody,
  ResendVerificationBody,
  ResetPasswordBody,
  StepUpBody,
  VerifyMagicLinkBody,
} from '@latchkey/contracts/http/bodies'
import type { PersonalData } from '@latchkey/contracts/http/personal-data'
import { endingRoute, openRoute, ownRoute, signInRoute, stepUpRoute, userRoute } from './route.js'

/** What a first factor answers: a session, or what is missing. */
export type FirstFactorAnswer = Session | SecondFactorRequired | EnrolmentRequired

export const register = /* @__PURE__ */ signInRoute<RegisterBody, FirstFactorAnswer | VerificationRequired>(
  'POST /register',
)
export const login = /* @__PURE__ */ signInRoute<LoginBody, FirstFactorAnswer>('POST /login')
export const requestMagicLink = /* @__PURE__ */ openRoute<MagicLinkBody, MailRequested>('POST /magic-link')
export const signInByMagicLink = /* @__PURE__ */ signInRoute<VerifyMagicLinkBody, FirstFactorAnswer>(
  'POST /magic-link/verify',
)
export const stepUp = /* @__PURE__ */ stepUpRoute<StepUpBody>('POST /step-up')

export const verifyEmail = /* @__PURE__ */ openRoute<LinkBody, null>('POST /verify-email')
export const resendVerification = /* @__PURE__ */ openRoute<ResendVerificationBody, MailRequested>(
  'POST /verify-email/resend',
)
export const changeEmail = /* @__PURE__ */ ownRoute<ChangeEmailBody, VerificationRequired>(
  'POST /change-email',
)
export const confirmEmailChange = /* @__PURE__ */ openRoute<LinkBody, null>('POST /change-email/confirm')
export const undoEmailChange = /* @__PURE__ */ openRoute<LinkBody, null>('POST /change-email/undo')

export const changePassword = /* @__PURE__ */ ownRoute<ChangePasswordBody, null>('POST /change-password')
export const requestPasswordReset = /* @__PURE__ */ openRoute<ForgotPasswordBody, MailRequested>(
  'POST /forgot-password',
)
export const resetPassword = /* @__PURE__ */ openRoute<ResetPasswordBody, null>('POST /reset-password')

export const getMe = /* @__PURE__ */ userRoute<undefined>('GET /me')
export const changeMe = /* @__PURE__ */ userRoute<PatchMeBody>('PATCH /me')
export const exportMe = /* @__PURE__ */ ownRoute<undefined, PersonalData>('GET /me/export')
export const deleteMe = /* @__PURE__ */ endingRoute<DeleteMeBody, null>('DELETE /me')

export const listSessions = /* @__PURE__ */ ownRoute<undefined, SessionList>('GET /sessions')
export const endSession = /* @__PURE__ */ ownRoute<{ id: string }, null>('DELETE /sessions/:id')
export const signOutEverywhere = /* @__PURE__ */ endingRoute<undefined, RevokedCount>('POST /logout-all')
export const listEvents = /* @__PURE__ */ ownRoute<
  { cursor?: string; limit?: string } | undefined,
  OwnEvents
>('GET /events')
