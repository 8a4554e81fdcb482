import type {
  ChallengeAnswer,
  EnrolledSession,
  ForgottenCount,
  RecoveryCodes,
  RememberedDevices,
  SecondFactors,
  Session,
  TotpSetup,
} from '@latchkey/contracts/http/answers'
import type {
  ChallengeBody,
  EnrolmentBody,
  EnrolmentVerifyBody,
  SecondFactorBody,
  TotpVerifyBody,
} from '@latchkey/contracts/http/bodies'
import type {
  Passkey,
  PasskeyAdded,
  PasskeyCreationOptions,
  PasskeyEnrolmentBody,
  PasskeyList,
  PasskeyLoginBody,
  PasskeyLoginOptionsBody,
  PasskeyRegistrationBody,
  PasskeyRequestOptions,
} from '@latchkey/contracts/http/passkeys'
import { openRoute, ownRoute, signInRoute } from './route.js'

export const answerChallenge = /* @__PURE__ */ signInRoute<ChallengeBody, ChallengeAnswer>(
  'POST /2fa/challenge',
)
export const beginEnrolment = /* @__PURE__ */ openRoute<EnrolmentBody, TotpSetup>('POST /2fa/enrolment/setup')
export const finishEnrolment = /* @__PURE__ */ signInRoute<EnrolmentVerifyBody, EnrolledSession>(
  'POST /2fa/enrolment/verify',
)

export const getSecondFactors = /* @__PURE__ */ ownRoute<undefined, SecondFactors>('GET /2fa')
export const setUpTotp = /* @__PURE__ */ ownRoute<undefined, TotpSetup>('POST /2fa/setup')
export const verifyTotp = /* @__PURE__ */ ownRoute<TotpVerifyBody, RecoveryCodes>('POST /2fa/verify')
export const renewRecoveryCodes = /* @__PURE__ */ ownRoute<SecondFactorBody, RecoveryCodes>(
  'POST /2fa/recovery-codes',
)
export const disableTotp = /* @__PURE__ */ ownRoute<SecondFactorBody, null>('POST /2fa/disable')
export const listRememberedDevices = /* @__PURE__ */ ownRoute<undefined, RememberedDevices>(
  'GET /2fa/devices',
)
export const forgetDevices = /* @__PURE__ */ ownRoute<undefined, ForgottenCount>('DELETE /2fa/devices')
export const forgetDevice = /* @__PURE__ */ ownRoute<{ id: string }, null>('DELETE /2fa/devices/:id')

export const passkeySignInOptions = /* @__PURE__ */ openRoute<
  PasskeyLoginOptionsBody | undefined,
  PasskeyRequestOptions
>('POST /passkeys/login/options')
export const signInByPasskey = /* @__PURE__ */ signInRoute<PasskeyLoginBody, Session>(
  'POST /passkeys/login/verify',
)
export const passkeyStepUpOptions = /* @__PURE__ */ ownRoute<undefined, PasskeyRequestOptions>(
  'POST /passkeys/step-up/options',
)
export const newPasskeyOptions = /* @__PURE__ */ ownRoute<undefined, PasskeyCreationOptions>(
  'POST /passkeys/register/options',
)
export const addPasskey = /* @__PURE__ */ ownRoute<PasskeyRegistrationBody, PasskeyAdded>(
  'POST /passkeys/register/verify',
)
export const passkeyEnrolmentOptions = /* @__PURE__ */ openRoute<EnrolmentBody, PasskeyCreationOptions>(
  'POST /passkeys/enrolment/options',
)
export const enrolByPasskey = /* @__PURE__ */ signInRoute<PasskeyEnrolmentBody, EnrolledSession>(
  'POST /passkeys/enrolment/verify',
)
export const listPasskeys = /* @__PURE__ */ ownRoute<undefined, PasskeyList>('GET /passkeys')
export const renamePasskey = /* @__PURE__ */ ownRoute<{ id: string; name: Passkey['name'] }, null>(
  'PATCH /passkeys/:id',
)
export const removePasskey = /* @__PURE__ */ ownRoute<{ id: string }, null>('DELETE /passkeys/:id')
