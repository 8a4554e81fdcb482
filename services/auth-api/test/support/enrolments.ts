import { newId } from '@latchkey/platform/crypto/identifiers'
import type { TotpSetup } from '@latchkey/contracts/http/answers'
import { newPerson } from './accounts.js'
import { password } from './session-driver.js'
import type { TestApp } from './test-app.js'

/** Somebody who has given the password, and must set a second factor up. */
export interface Waiting {
  readonly email: string
  readonly userId: string
  readonly mfaToken: string
}

/** A teacher who has just registered, where REQUIRE_MFA names teachers. */
export async function newTeacher({ api, db }: TestApp): Promise<Waiting> {
  const { email } = newPerson()
  const { status, body } = await api('POST', '/register', { body: { email, password, userType: 'teacher' } })
  if (status !== 201) throw new Error(`answered ${status}`)
  const [row] = await db<{ id: string }[]>`SELECT id FROM users WHERE email = ${email}`
  return { email, userId: row?.id ?? '', mfaToken: String(body['mfaToken']) }
}

/** Begins another such sign-in. */
export async function enrolmentTokenOf(
  { api }: TestApp,
  person: { email: string; password?: string },
): Promise<string> {
  const { email, password: secret = password } = person
  const { body } = await api('POST', '/login', { body: { email, password: secret } })
  if (body['mfaEnrolmentRequired'] !== true) throw new Error(JSON.stringify(body))
  return String(body['mfaToken'])
}

/** The seed of the app that is set up. */
export async function setUpRequired(
  { api }: TestApp,
  { mfaToken }: Pick<Waiting, 'mfaToken'>,
): Promise<string> {
  const { status, body } = await api('POST', '/2fa/enrolment/setup', { body: { mfaToken } })
  if (status !== 200) throw new Error(`answered ${status}`)
  return (body as unknown as TotpSetup).secret
}

/** A row as a registration leaves it, whose key nobody has. */
export async function insertPasskey({ db }: TestApp, userId: string): Promise<string> {
  const id = newId()
  await db`
    INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, is_synced, is_backed_up, transports, name)
    VALUES (${id}, ${userId}, ${Buffer.from(id)}, 'key', 0, false, false, '{}', 'Key')`
  return id
}
