import { hashSecret } from './step-secrets.js'

/** By what somebody proves that a code, which came in a URL, is theirs. */
export interface Holder {
  /** Of an app that gave a `codeChallenge`. */
  codeVerifier?: string | undefined
  /** Of a browser that has our cookie. */
  browserSecret: string | null
}

/** What a step names its holder by; null for somebody who proves nothing. */
export function readHolder({ codeVerifier, browserSecret }: Holder): Buffer | null {
  const secret = codeVerifier ?? browserSecret
  return secret === null ? null : hashSecret(secret)
}
