import type { RememberedDevice, Session } from '@latchkey/contracts/http/answers'
import { type EnrolledPerson, freshCode, mfaTokenOf } from './authenticator.js'
import type { ApiAnswer, TestApp } from './test-app.js'

export interface Completion {
  readonly body?: object
  readonly headers?: Record<string, string>
}

/** Signs in with both factors, and asks for the device to be remembered. */
export async function completeSignIn(
  testApp: TestApp,
  person: EnrolledPerson,
  { body = {}, headers = {} }: Completion = {},
): Promise<ApiAnswer> {
  const mfaToken = await mfaTokenOf(testApp, person.email, { deviceName: 'Laptop' })
  const code = await freshCode(testApp, person)
  const asked = { mfaToken, code, rememberDevice: true, ...body }
  return testApp.api('POST', '/2fa/challenge', { headers, body: asked })
}

export interface Remembered {
  readonly token: string
  readonly session: Session
}

export async function rememberDeviceOf(testApp: TestApp, person: EnrolledPerson): Promise<Remembered> {
  const { status, body } = await completeSignIn(testApp, person)
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  const { rememberToken, ...session } = body as unknown as Session & { rememberToken: string }
  return { token: rememberToken, session }
}

/** What a sign-in on a device that may be remembered comes to: `session`, `challenge`, or a problem. */
export async function outcomeOnDevice(
  { api }: TestApp,
  body: { email: string; password: string; rememberToken: string },
): Promise<string> {
  const answer = await api('POST', '/login', { body })
  if (answer.body['accessToken'] !== undefined) return 'session'
  return answer.body['mfaRequired'] === true ? 'challenge' : String(answer.body['code'])
}

export async function listDevices(
  { api }: TestApp,
  { accessToken }: Pick<Session, 'accessToken'>,
): Promise<RememberedDevice[]> {
  const { body } = await api('GET', '/2fa/devices', { token: accessToken })
  return body['devices'] as RememberedDevice[]
}
