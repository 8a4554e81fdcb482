import type { Session } from '@latchkey/contracts/http/answers'
import { newPerson, signUp } from './accounts.js'
import { findLinkToken } from './mail-links.js'
import { newEmail, password } from './session-driver.js'
import type { ApiAnswer, TestApp } from './test-app.js'

/** What people do with the addresses of their accounts. */
export function createAddressDriver(app: TestApp) {
  const { api, db } = app

  const ask = ({ accessToken }: Session, to: unknown, given: unknown = password): Promise<ApiAnswer> =>
    api('POST', '/change-email', {
      token: accessToken,
      body: { password: given, newEmail: to } as object,
      ip: '192.0.2.9',
      headers: { 'x-request-id': 'change-1' },
    })
  const confirm = (token: string | null) =>
    api('POST', '/change-email/confirm', { body: { token: token ?? '' } })
  const changeLink = (email: string) => findLinkToken(app, 'change_email', email)

  return {
    ask,
    confirm,
    changeLink,
    undo: (token: string | null) => api('POST', '/change-email/undo', { body: { token: token ?? '' } }),
    undoLink: (email: string) => findLinkToken(app, 'undo_email_change', email),

    /** Somebody with a proven address. */
    async newOwner(): Promise<{ email: string; session: Session }> {
      const { email } = newPerson()
      const session = await signUp(app, { email })
      await db`UPDATE users SET email_verified_at = now() WHERE id = ${session.user.id}`
      return { email, session }
    },

    /** Asks for an address and follows the link. */
    async change(session: Session, to = newEmail()): Promise<string> {
      const asked = await ask(session, to)
      const confirmed = await confirm(await changeLink(to))
      if (asked.status !== 202 || confirmed.status !== 204)
        throw new Error(JSON.stringify([asked, confirmed]))
      return to
    },

    async addressOf({ user }: Session): Promise<{ email: string; isProven: boolean }> {
      const [row] = await db<{ email: string; isProven: boolean }[]>`
        SELECT email::text, email_verified_at IS NOT NULL AS is_proven FROM users WHERE id = ${user.id}`
      return row ?? { email: '', isProven: false }
    },
  }
}
