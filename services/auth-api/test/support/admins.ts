import type { Session } from '@latchkey/contracts/http/answers'
import { newPerson, signUp } from './accounts.js'
import type { ApiAnswer, CallOptions, TestApp } from './test-app.js'

export interface Operator {
  readonly session: Session
  readonly userId: string
  /** Calls a route under /api/v1/admin. */
  call: (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) => Promise<ApiAnswer>
}

/** Somebody with these roles, in a session with a second factor: as the command and an enrolment leave them. */
export async function newOperator(
  app: TestApp,
  roles: readonly string[] = ['user', 'admin'],
  options: CallOptions = {},
): Promise<Operator> {
  const session = await signUp(app, { email: newPerson().email }, options)
  const userId = session.user.id
  await app.db`UPDATE users SET roles = ${[...roles]}::text[] WHERE id = ${userId}`
  await app.db`UPDATE sessions SET aal = 2, amr = '{pwd,otp,mfa}' WHERE user_id = ${userId}`
  return {
    session,
    userId,
    call: (method, path, body) =>
      app.api(method, `/api/v1/admin${path}`, {
        ...options,
        token: session.accessToken,
        ...(body !== undefined && { body }),
      }),
  }
}
