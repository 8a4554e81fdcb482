import { setTimeout } from 'node:timers/promises'
import type { Logger } from '@latchkey/platform/logging/logger'
import type { Outbound } from '@latchkey/platform/outbound/outbound'
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  implicitAuthentication,
  useIdTokenResponseType,
  type ClientAuth,
  type CustomFetch,
} from 'openid-client'
import { readIdentity, type Claims, type ForeignIdentity } from './foreign-identity.js'
import { createMetadataCache } from './metadata-cache.js'
import { failureOf, IdentityRefused, ProviderUnavailable } from './provider-failure.js'

/** Our registration with a provider. */
export interface Registration {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scopes: readonly string[]
  /** Whether an address that it calls verified is taken for its user's. */
  readonly isBelieved: (email: string, claims: Claims) => boolean
}

export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly codeChallenge: string
  /** The user is to present a credential there now, whatever session they have. */
  readonly isStepUp: boolean
}

export interface OpenIdProvider {
  readonly id: string
  readonly name: string
  /** Where the browser is sent. @throws ProviderUnavailable. */
  authorizationUrl(request: Omit<AuthorizationRequest, 'codeVerifier'>): Promise<string>
  /**
   * Who the answer `parameters` of the provider is about. @throws IdentityRefused, ProviderUnavailable.
   */
  redeem(
    parameters: URLSearchParams,
    request: Omit<AuthorizationRequest, 'codeChallenge'>,
  ): Promise<ForeignIdentity>
  /** Whom an ID token is about that came by way of the browser. @throws IdentityRefused, ProviderUnavailable. */
  checkIdToken(idToken: string, nonce: string): Promise<ForeignIdentity>
}

/** Below the time for our own answer, discovery, exchange, keys and user info together. */
const answerMs = 8000

/** How long ago the user may have presented a credential there, with the library's tolerance of 30 s for clocks. */
const stepUpSeconds = 60

export function createOpenIdProvider(
  registration: Registration,
  { outbound, log }: { outbound: Outbound; log: Logger },
): OpenIdProvider {
  const { id, name, clientId, scopes } = registration
  const fetchOutside: CustomFetch = (url, { body, ...init }) =>
    outbound.fetch(url, { ...init, ...(body !== undefined && { body: body ?? null }) })
  const configurationOf = createMetadataCache(() => discover(registration, fetchOutside))

  /** In time or not at all; and told in the log when it is the provider's fault, or ours. */
  async function ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await inTime(work())
    } catch (error) {
      const failure = failureOf(error)
      if (failure instanceof ProviderUnavailable)
        log.warn({ err: failure, provider: id, reason: failure.reason }, 'a sign-in provider does not answer')
      throw failure
    }
  }

  function identityOf(issuer: string, claims: Claims): ForeignIdentity {
    const identity = readIdentity(registration, issuer, claims)
    if (identity === null) throw new IdentityRefused('subject')
    return identity
  }

  return {
    id,
    name,
    authorizationUrl: (request) =>
      ask(async () => {
        const url = buildAuthorizationUrl(await configurationOf(), {
          response_type: 'code',
          redirect_uri: request.redirectUri,
          scope: scopes.join(' '),
          state: request.state,
          nonce: request.nonce,
          code_challenge: request.codeChallenge,
          code_challenge_method: 'S256',
          ...(request.isStepUp && { prompt: 'login', max_age: '0' }),
        })
        return url.href
      }),

    redeem: (parameters, { redirectUri, state, nonce, codeVerifier, isStepUp }) =>
      ask(async () => {
        const configuration = await configurationOf()
        const answer = new URL(redirectUri)
        answer.search = parameters.toString()
        const tokens = await authorizationCodeGrant(configuration, answer, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          ...(isStepUp && { maxAge: stepUpSeconds }),
        })
        const claims = tokens.claims()
        if (claims === undefined) throw new IdentityRefused('no_id_token')
        // OpenID Connect Core 1.0, 3.1.3.7, 5: a token that was made for another client, however we are named in it.
        if (claims.azp !== undefined && claims.azp !== clientId) throw new IdentityRefused('azp')
        if (claims['email'] !== undefined || configuration.serverMetadata().userinfo_endpoint === undefined)
          return identityOf(claims.iss, claims)
        // By its subject it is tied to the ID token (OpenID Connect Core 1.0, 5.3.4).
        const told = await fetchUserInfo(configuration, tokens.access_token, claims.sub)
        return identityOf(claims.iss, { ...claims, ...told })
      }),

    checkIdToken: (idToken, nonce) =>
      ask(async () => {
        const configuration = forIdTokens(await configurationOf(), clientId, fetchOutside)
        const answer = new URL(`http://localhost#${new URLSearchParams({ id_token: idToken }).toString()}`)
        const claims = await implicitAuthentication(configuration, answer, nonce)
        return identityOf(claims.iss, claims)
      }),
  }
}

/**
 * Signatures are checked although the ID token comes from the provider itself by TLS: with the key of the issuer and an algorithm that it
 * names, none and HMAC never among them (RFC 8725, 3.1).
 */
function discover(
  { issuer, clientId, clientSecret }: Registration,
  fetchOutside: CustomFetch,
): Promise<Configuration> {
  const isPlain = issuer.startsWith('http:')
  return discovery(new URL(issuer), clientId, clientSecret, bySupportedMethod(clientSecret), {
    [customFetch]: fetchOutside,
    execute: [enableNonRepudiationChecks, ...(isPlain ? [allowInsecureRequests] : [])],
  })
}

/** RFC 8414, 2: HTTP Basic is what a provider takes that names no method. */
function bySupportedMethod(secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported
    const takesBasic = methods === undefined || methods.includes('client_secret_basic')
    ;(takesBasic ? basic : post)(server, ...rest)
  }
}

const idTokenConfigurations = new WeakMap<Configuration, Configuration>()

/** The same provider, for answers that are ID tokens: the library wants to be told. It keeps the provider's keys with it. */
function forIdTokens(known: Configuration, clientId: string, fetchOutside: CustomFetch): Configuration {
  const present = idTokenConfigurations.get(known)
  if (present !== undefined) return present
  const metadata = known.serverMetadata()
  const configuration = new Configuration(metadata, clientId)
  configuration[customFetch] = fetchOutside
  useIdTokenResponseType(configuration)
  if (metadata.issuer.startsWith('http:')) allowInsecureRequests(configuration)
  idTokenConfigurations.set(known, configuration)
  return configuration
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const isOver = new AbortController()
  const late = setTimeout(answerMs, null, { signal: isOver.signal }).then(() => {
    throw new ProviderUnavailable(`no answer in ${answerMs} ms`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    isOver.abort()
  }
}
