/** Level of NIST SP 800-63B that a session has by how its user authenticated: two factors are what RFC 8176 calls `mfa`. */
export const aalOf = (amr: readonly string[]): 1 | 2 => (amr.includes('mfa') ? 2 : 1)
