import { AppError } from '@latchkey/contracts/errors'
import type { GoogleBody } from '@latchkey/contracts/http/federation'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { finishFirstFactor, type SignIn } from '../mfa/finish-first-factor.js'
import { federatedAmr } from './federated-amr.js'
import { readHolder, type Holder } from './holder.js'
import { admitIdentity, type AdmitDeps } from './identities/admit-identity.js'
import { IdentityRefused } from './providers/provider-failure.js'
import { insertNonce, takeNonce } from './queries.js'
import { hashSecret, newSecret, redirectSeconds } from './step-secrets.js'

type GoogleDeps = AdmitDeps & Pick<Deps, 'events' | 'identityProviders'>

const google = 'google'

/** What Google is to put into the ID token, so that one that was made for another page or app is good for nothing here. @throws not_found. */
export async function makeGoogleNonce(
  { identityProviders, sql }: Pick<Deps, 'identityProviders' | 'sql'>,
  holderHash: Buffer,
): Promise<{ nonce: string; expiresIn: number }> {
  const { id: provider } = identityProviders.get(google)
  const nonce = newSecret()
  await insertNonce(sql, { tokenHash: hashSecret(nonce), holderHash, provider, ttlSeconds: redirectSeconds })
  return { nonce, expiresIn: redirectSeconds }
}

/**
 * Signs in with an ID token of Google Identity Services. Its nonce is used up before the token is looked at, and only for whoever asked for it.
 * @throws AppError not_found, one_time_token_invalid, identity_refused, provider_unavailable, and what `admitIdentity` throws.
 */
export async function signInWithGoogle(
  deps: GoogleDeps,
  body: GoogleBody & Holder,
  origin: RequestOrigin,
): Promise<SignIn> {
  const provider = deps.identityProviders.get(google)
  try {
    const nonce = readNonce(body.credential)
    const holderHash = readHolder(body)
    const isOurs =
      nonce !== null &&
      holderHash !== null &&
      (await takeNonce(deps.sql, { tokenHash: hashSecret(nonce), holderHash, provider: provider.id }))
    if (!isOurs) throw new AppError('one_time_token_invalid')
    const identity = await provider.checkIdToken(body.credential, nonce)
    const signIn = await admitIdentity(deps, identity, origin, async (sql, user) => {
      const deviceName = body.deviceName ?? null
      const first = { ...user, passwordHash: null, amr: [...federatedAmr], deviceName, origin }
      const finished = await finishFirstFactor(sql, deps, first)
      if (finished === null) throw new AppError('invalid_credentials')
      return finished
    })
    if (signIn.kind === 'session') await deps.revocations.revoke(signIn.session.endedSessionIds)
    return signIn
  } catch (error) {
    if (error instanceof AppError && error.status < 500) {
      const reason = error instanceof IdentityRefused ? error.reason : error.code
      const data = { reason, method: 'oauth', provider: provider.id }
      await deps.events.report(newSecurityEvent('login.failed', { ...origin, data }))
    }
    throw error
  }
}

/** What an ID token claims, unchecked: enough to find the row by, and the token is checked against what was found. Null for what is no token. */
function readNonce(idToken: string): string | null {
  const [header, claims, signature, ...more] = idToken.split('.')
  if (signature === undefined || more.length > 0 || readPart(header) === null) return null
  const nonce = readPart(claims)?.get('nonce')
  return typeof nonce === 'string' ? nonce : null
}

function readPart(part = ''): Map<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null
  } catch {
    return null
  }
}
