import type {
  BeginForSessionBody,
  ExchangeBody,
  FinishForSessionBody,
  GoogleBody,
  GoogleNonce,
  GoogleNonceBody,
  Identities,
  Identity,
  Providers,
  ProviderUrl,
} from '@latchkey/contracts/http/federation'
import type { Client } from '../client.js'
import type { FirstFactorAnswer } from './accounts.js'
import { openRoute, ownRoute, signInRoute, stepUpRoute } from './route.js'

type AtProvider<Body> = Body & { provider: string }

/** Where to send the browser to sign in at a provider; it comes back to `returnTo` with `code`, for `finishProviderSignIn`. */
export function providerSignInUrl(
  { baseUrl }: Pick<Client, 'baseUrl'>,
  { provider, ...query }: AtProvider<{ returnTo: string; codeChallenge?: string }>,
): string {
  return `${baseUrl}/auth/oauth/${encodeURIComponent(provider)}?${new URLSearchParams(query)}`
}

export const listProviders = /* @__PURE__ */ openRoute<undefined, Providers>('GET /oauth')
export const finishProviderSignIn = /* @__PURE__ */ signInRoute<ExchangeBody, FirstFactorAnswer>(
  'POST /oauth/exchange',
)
export const googleNonce = /* @__PURE__ */ openRoute<GoogleNonceBody | undefined, GoogleNonce>(
  'POST /oauth/google/nonce',
)
export const signInWithGoogle = /* @__PURE__ */ signInRoute<GoogleBody, FirstFactorAnswer>('POST /google')

export const beginLink = /* @__PURE__ */ ownRoute<AtProvider<BeginForSessionBody>, ProviderUrl>(
  'POST /oauth/:provider/link',
)
export const finishLink = /* @__PURE__ */ ownRoute<FinishForSessionBody, Identity>('POST /oauth/link')
export const beginProviderStepUp = /* @__PURE__ */ ownRoute<AtProvider<BeginForSessionBody>, ProviderUrl>(
  'POST /oauth/:provider/step-up',
)
export const finishProviderStepUp = /* @__PURE__ */ stepUpRoute<FinishForSessionBody>('POST /oauth/step-up')

export const listIdentities = /* @__PURE__ */ ownRoute<undefined, Identities>('GET /identities')
export const removeIdentity = /* @__PURE__ */ ownRoute<{ id: string }, null>('DELETE /identities/:id')
