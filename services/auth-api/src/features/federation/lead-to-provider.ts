import { AppError } from '@latchkey/contracts/errors'
import type { BeginQuery } from '@latchkey/contracts/http/federation'
import type { Deps } from '../../deps.js'
import type { OpenIdProvider } from './providers/openid-provider.js'
import { insertRedirect, insertTicket, takeTicket, type Purpose, type TakenStep } from './queries.js'
import { leadBack, readReturnTo } from './return-to.js'
import {
  codeVerifierOf,
  hashCode,
  hashSecret,
  newCode,
  newSecret,
  nonceOf,
  redirectSeconds,
  ticketSeconds,
} from './step-secrets.js'

type LeadDeps = Pick<Deps, 'config' | 'identityProviders' | 'sql'>

/** From PUBLIC_URL alone: a provider sends codes there. */
export const callbackUrl = ({ config }: Pick<Deps, 'config'>, provider: string): string =>
  `${config.publicUrl}/api/v1/auth/oauth/${provider}/callback`

/**
 * Where to send a browser that wants to sign in elsewhere, and what it is remembered by: one row, which names the browser, and nothing of
 * which a copy is worth anything. A provider that is away is told to whoever is led back.
 * @throws AppError not_found, validation_failed, one_time_token_invalid for a ticket that is not good.
 */
export async function leadToProvider(
  deps: LeadDeps,
  providerId: string,
  query: BeginQuery,
  browserSecret: string,
): Promise<string> {
  const provider = deps.identityProviders.get(providerId)
  const begun = await readBeginning(deps, provider, query)
  const state = newSecret()
  const verifier = codeVerifierOf(browserSecret, state)
  const isStepUp = begun.purpose.kind === 'step_up'
  try {
    const url = await provider.authorizationUrl({
      redirectUri: callbackUrl(deps, provider.id),
      state,
      nonce: nonceOf(browserSecret, state),
      codeChallenge: hashSecret(verifier).toString('base64url'),
      isStepUp,
    })
    await insertRedirect(deps.sql, {
      ...begun,
      provider: provider.id,
      tokenHash: hashSecret(state),
      holderHash: hashSecret(browserSecret),
      ttlSeconds: redirectSeconds,
    })
    return url
  } catch (error) {
    if (error instanceof AppError && error.code === 'provider_unavailable')
      return leadBack(begun.returnTo, { error: error.code })
    throw error
  }
}

async function readBeginning(
  { config, sql }: LeadDeps,
  provider: OpenIdProvider,
  { ticket, returnTo, codeChallenge }: BeginQuery,
): Promise<TakenStep> {
  if (
    (ticket === undefined) === (returnTo === undefined) ||
    (ticket !== undefined && codeChallenge !== undefined)
  ) {
    const errors = [{ path: '/returnTo', message: 'is required, unless a ticket is given and nothing else' }]
    throw new AppError('validation_failed', undefined, { errors })
  }
  if (returnTo !== undefined)
    return {
      purpose: { kind: 'sign_in' },
      appHash: appHashOf(codeChallenge),
      returnTo: readReturnTo(returnTo, config.returnToAllowed),
    }
  const tokenHash = ticket === undefined ? null : hashCode(ticket)
  const begun = tokenHash && (await takeTicket(sql, { tokenHash, provider: provider.id }))
  if (begun === null) throw new AppError('one_time_token_invalid')
  return begun
}

const appHashOf = (codeChallenge: string | undefined): Buffer | null =>
  codeChallenge === undefined ? null : Buffer.from(codeChallenge, 'base64url')

export interface LeadForSession {
  providerId: string
  purpose: Exclude<Purpose, { kind: 'sign_in' }>
  returnTo: string
  codeChallenge?: string | undefined
}

/**
 * The address at which the browser of a session begins. It is ours, and not the provider's, because the browser must be given a secret, which
 * a call by script, or by an app, may not be able to do.
 * @throws AppError not_found, validation_failed.
 */
export async function makeTicket(
  deps: LeadDeps,
  { providerId, purpose, returnTo, codeChallenge }: LeadForSession,
): Promise<string> {
  const provider = deps.identityProviders.get(providerId)
  const { code: ticket, hash: tokenHash } = newCode()
  await insertTicket(deps.sql, {
    tokenHash,
    provider: provider.id,
    purpose,
    appHash: appHashOf(codeChallenge),
    returnTo: readReturnTo(returnTo, deps.config.returnToAllowed),
    ttlSeconds: ticketSeconds,
  })
  return `${deps.config.publicUrl}/api/v1/auth/oauth/${provider.id}?ticket=${ticket}`
}
