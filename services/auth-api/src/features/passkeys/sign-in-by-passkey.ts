import type { PasskeyLoginBody } from '@latchkey/contracts/http/passkeys'
import type { RequestOrigin } from '../../request-origin.js'
import type { SignIn } from '../mfa/finish-first-factor.js'
import { openSession } from '../sessions/open-session.js'
import { presentPasskey, type PresentDeps } from './present-passkey.js'

/**
 * Signs in whoever holds a passkey: both factors at once, whatever else the user has. Refused alike, in the answer, for whatever is wrong.
 * @throws AppError invalid_credentials.
 */
export async function signInByPasskey(
  deps: PresentDeps,
  { passkey, deviceName }: PasskeyLoginBody,
  origin: RequestOrigin,
): Promise<SignIn> {
  const scope = { purpose: 'sign_in', userId: null, boundTo: null } as const
  const session = await presentPasskey(deps, { passkey, scope, sessionId: null, origin }, (sql, presented) =>
    openSession(sql, deps, { ...presented, passwordHash: null, deviceName: deviceName ?? null, origin }),
  )
  await deps.revocations.revoke(session.endedSessionIds)
  return { kind: 'session', session }
}
