import type { Session } from '@latchkey/contracts/http/answers'
import type {
  PasskeyAdded,
  PasskeyCreationOptions,
  PasskeyRequestOptions,
} from '@latchkey/contracts/http/passkeys'
import { newPerson, signUp } from './accounts.js'
import {
  makePasskey,
  usePasskey,
  testOrigin,
  testRpId,
  type Algorithm,
  type Bend,
  type HeldPasskey,
} from './software-authenticator.js'
import type { ApiAnswer, CallOptions, TestApp } from './test-app.js'

/** For `createTestApp`. */
export const passkeySettings = {
  webauthnRpId: testRpId,
  webauthnRpName: 'Example',
  webauthnOrigins: [testOrigin, 'https://example.com'],
}

export interface PasskeyHolder {
  readonly email: string
  readonly userId: string
  /** The session that added it, of a password. */
  readonly session: Session
  readonly held: HeldPasskey
  readonly passkeyId: string
  readonly recoveryCodes: readonly string[]
}

export const creationOptions = async ({ api }: TestApp, token: string): Promise<PasskeyCreationOptions> =>
  expectOk(await api('POST', '/passkeys/register/options', { token })) as unknown as PasskeyCreationOptions

/** Of a sign-in, of one that waits for the second factor, or of a session. */
export async function requestOptions(
  { api }: TestApp,
  of: { mfaToken?: string; token?: string } = {},
): Promise<PasskeyRequestOptions> {
  const { token, ...body } = of
  const path = token === undefined ? '/passkeys/login/options' : '/passkeys/step-up/options'
  const options: CallOptions = token === undefined ? { body } : { token }
  return expectOk(await api('POST', path, options)) as unknown as PasskeyRequestOptions
}

/** Adds a passkey to a session that is fresh; throws when that is refused. */
export async function addPasskey(
  testApp: TestApp,
  { accessToken: token }: Session,
  bend: Bend & { algorithm?: Algorithm } = {},
): Promise<PasskeyAdded & { held: HeldPasskey }> {
  const { held, attestation } = makePasskey(await creationOptions(testApp, token), bend)
  const answer = await testApp.api('POST', '/passkeys/register/verify', {
    token,
    body: { passkey: attestation },
  })
  return { ...(expectOk(answer, 201) as unknown as PasskeyAdded), held }
}

/** Somebody new, with a password and a passkey. */
export async function passkeyHolder(
  testApp: TestApp,
  bend: Bend & { algorithm?: Algorithm } = {},
): Promise<PasskeyHolder> {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  const { held, passkey, recoveryCodes } = await addPasskey(testApp, session, bend)
  const { id: userId } = session.user
  return { email, userId, session, held, passkeyId: passkey.id, recoveryCodes: recoveryCodes ?? [] }
}

/** The session of a holder, after a step-up by their passkey. */
export async function steppedUp(testApp: TestApp, { held, session }: PasskeyHolder): Promise<Session> {
  const token = session.accessToken
  const passkey = usePasskey(await requestOptions(testApp, { token }), held)
  return (await testApp.api('POST', '/step-up', { token, body: { passkey } })).body as unknown as Session
}

export const verifySignIn = (
  { api }: TestApp,
  passkey: object,
  options: CallOptions = {},
): Promise<ApiAnswer> => api('POST', '/passkeys/login/verify', { ...options, body: { passkey } })

function expectOk({ status, body }: ApiAnswer, expected = 200): Record<string, unknown> {
  if (status !== expected) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  return body
}
