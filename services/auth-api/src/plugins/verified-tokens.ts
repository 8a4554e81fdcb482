import type { SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import type { Metrics } from '@latchkey/platform/metrics/metrics'
import { LruMap } from 'toad-cache'

const maxVerifiedTokens = 5000 // about 1 KiB each

interface Verified {
  readonly kid: string
  readonly payload: { readonly exp: number }
}

/** Tokens that were verified before, until they expire. */
export interface VerifiedTokens<Token extends Verified> {
  find(token: string): Token | null
  /** From memory, or by `verify`, whose refusal is not remembered. */
  findOrVerify(token: string, verify: (token: string) => Promise<Token>): Promise<Token>
}

/**
 * Keyed by the whole token, so that no two tokens are taken for each other. It spares the signature and nothing else: a key that
 * was withdrawn ends a token that is remembered here, and whether its session lives is asked each time, elsewhere.
 */
export function createVerifiedTokens<Token extends Verified>({
  signingKeys,
  metrics,
}: {
  signingKeys: Pick<SigningKeys, 'verificationKey'>
  metrics: Pick<Metrics, 'cacheHitsTotal' | 'cacheMissesTotal'>
}): VerifiedTokens<Token> {
  const verified = new LruMap<Token>(maxVerifiedTokens)
  const hits = metrics.cacheHitsTotal.labels({ cache_type: 'access_token' })
  const misses = metrics.cacheMissesTotal.labels({ cache_type: 'access_token' })

  function find(token: string): Token | null {
    const found = verified.get(token)
    if (found === undefined) return null
    if (isCurrent(found) && signingKeys.verificationKey(found.kid) !== null) {
      hits.inc()
      return found
    }
    verified.delete(token)
    return null
  }

  return {
    find,
    async findOrVerify(token, verify) {
      const found = find(token)
      if (found !== null) return found
      misses.inc()
      const fresh = await verify(token)
      if (isCurrent(fresh)) verified.set(token, fresh)
      return fresh
    },
  }
}

/** Within the leeway a token is still accepted, and no longer remembered. */
function isCurrent({ payload }: Verified): boolean {
  return payload.exp * 1000 > Date.now()
}
