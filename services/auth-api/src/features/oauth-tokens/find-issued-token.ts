import { AppError } from '@latchkey/contracts/errors'
import type { IssuedToken } from '../../access-token-claims.js'

export interface VerifyDeps {
  readonly verifyIssuedToken: (token: string) => Promise<IssuedToken>
}

/** Null for anything that we did not sign, or that has expired. Throws when that cannot be known. */
export async function findIssuedToken(
  { verifyIssuedToken }: VerifyDeps,
  token: string,
): Promise<IssuedToken | null> {
  try {
    return await verifyIssuedToken(token)
  } catch (error) {
    if (error instanceof AppError && error.status === 401) return null
    throw error
  }
}
