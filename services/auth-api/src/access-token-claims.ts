/** What a session says about its user in an access token. */
export interface AccessTokenClaims {
  readonly userId: string
  readonly sessionId: string
  readonly generation: number
  readonly roles: readonly string[]
  readonly aal: number
  readonly amr: readonly string[]
  readonly authenticatedAt: Date
  /** Seconds. */
  readonly expiresIn: number
}
