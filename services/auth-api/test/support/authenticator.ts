import type { Session } from '@latchkey/contracts/http/answers'
import { Secret, TOTP } from 'otpauth'
import { eventsOf, newPerson, signUp } from './accounts.js'
import { letTimePass, password } from './session-driver.js'
import type { ApiAnswer, TestApp } from './test-app.js'

/** A user's app, which has the seed, and what the user has printed. */
export interface Authenticator {
  readonly secret: string
  readonly recoveryCodes: string[]
  /** The session that enrolled, of now. */
  readonly session: Session
}

export const codeNow = (secret: string): string => TOTP.generate({ secret: Secret.fromBase32(secret) })

export const wrongCode = (secret: string): string => {
  const near = new Set(
    [-30_000, 0, 30_000].map((ms) =>
      TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: Date.now() + ms }),
    ),
  )
  return ['000000', '000001', '000002', '000003'].find((code) => !near.has(code)) ?? ''
}

/** A code that was not used yet: half a minute passes for the user, whose clock is the last step in the database. */
export async function freshCode(
  { db }: TestApp,
  { secret, session }: { secret: string; session: { user: Pick<Session['user'], 'id'> } },
): Promise<string> {
  await db`UPDATE totp_factors SET last_used_step = 0 WHERE user_id = ${session.user.id}`
  return codeNow(secret)
}

/** Sets an app up for a user who has just signed in; throws when that is refused. */
export async function enrol(
  { api }: TestApp,
  { accessToken, refreshToken }: Session,
): Promise<Authenticator> {
  const token = accessToken
  const { secret } = expectOk(await api('POST', '/2fa/setup', { token })) as { secret: string }
  const { recoveryCodes } = expectOk(
    await api('POST', '/2fa/verify', { token, body: { code: codeNow(secret) } }),
  ) as { recoveryCodes: string[] }
  const session = expectOk(await api('POST', '/refresh', { body: { refreshToken } })) as unknown as Session
  return { secret, recoveryCodes, session }
}

export interface EnrolledPerson extends Authenticator {
  readonly email: string
  readonly userId: string
}

export async function enrolledPerson(testApp: TestApp): Promise<EnrolledPerson> {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  return { ...(await enrol(testApp, session)), email, userId: session.user.id }
}

/** The same session, whose user gave a credential a while ago. */
export async function agedSession(
  { api, db }: TestApp,
  { sessionId, refreshToken }: Session,
): Promise<Session> {
  await letTimePass(db, sessionId, 301)
  return expectOk(await api('POST', '/refresh', { body: { refreshToken } })) as unknown as Session
}

/** What was told of a user, oldest first. */
export const eventsFor = async (testApp: TestApp, userId: string, type: string) =>
  (await eventsOf(testApp)).filter((event) => event.userId === userId && event.type === type)

/** The token of a sign-in that waits for the second factor. */
export async function mfaTokenOf({ api }: TestApp, email: string, extra: object = {}): Promise<string> {
  const answer = expectOk(await api('POST', '/login', { body: { email, password, ...extra } }))
  if (answer['mfaRequired'] !== true) throw new Error('No second factor was asked for')
  return String(answer['mfaToken'])
}

function expectOk({ status, body }: ApiAnswer): Record<string, unknown> {
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  return body
}

export const claimsOf = ({ accessToken }: Pick<Session, 'accessToken'>): Record<string, unknown> =>
  JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
