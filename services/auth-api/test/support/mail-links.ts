import type { OneTimePurpose } from '@latchkey/contracts/one-time-tokens'
import { encodeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { ApiAnswer, CallOptions, TestApp } from './test-app.js'

/** The token of the link that the worker would write into the mail by now; null when there is none for this address. */
export async function findLinkToken(
  { db, deps }: TestApp,
  purpose: OneTimePurpose,
  email: string,
): Promise<string | null> {
  const [row] = await db<{ id: string }[]>`
    SELECT id FROM one_time_tokens WHERE purpose = ${purpose} AND email = ${email}`
  return row === undefined ? null : encodeOneTimeToken(deps.keyring.current, { purpose, id: row.id })
}

/** The same where several links to an address are good, the oldest first. */
export async function findLinkTokens(
  { db, deps }: TestApp,
  purpose: OneTimePurpose,
  email: string,
): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    SELECT id FROM one_time_tokens WHERE purpose = ${purpose} AND email = ${email} ORDER BY created_at, id`
  return rows.map(({ id }) => encodeOneTimeToken(deps.keyring.current, { purpose, id }))
}

/** Asks for a link and reads it as its receiver does. */
async function requestLinkToken(
  app: TestApp,
  purpose: 'reset_password' | 'magic_link',
  email: string,
): Promise<string> {
  const path = { reset_password: '/forgot-password', magic_link: '/magic-link' }[purpose]
  const answer = await app.api('POST', path, { body: { email } })
  const token = await findLinkToken(app, purpose, email)
  if (answer.status !== 202 || token === null) throw new Error(`no link: ${JSON.stringify(answer.body)}`)
  return token
}

export const resetTokenFor = (app: TestApp, email: string): Promise<string> =>
  requestLinkToken(app, 'reset_password', email)

export const magicTokenFor = (app: TestApp, email: string): Promise<string> =>
  requestLinkToken(app, 'magic_link', email)

export const resetPassword = (
  { api }: TestApp,
  token: string,
  password: string,
  options: CallOptions = {},
): Promise<ApiAnswer> => api('POST', '/reset-password', { ...options, body: { token, password } })

/** Time passes for links when their times move back: the clock is the database's. */
export async function letLinksAge({ db }: TestApp, email: string, seconds: number): Promise<void> {
  await db`
    UPDATE one_time_tokens SET
      created_at = created_at - make_interval(secs => ${seconds}),
      expires_at = expires_at - make_interval(secs => ${seconds})
    WHERE email = ${email}`
}
