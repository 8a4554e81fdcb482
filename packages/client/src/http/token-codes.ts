const codes = new Set<string | undefined>([
  'token_missing',
  'token_invalid',
  'token_expired',
  'session_revoked',
])

/** Whether a 401 of Latchkey's says that another access token is needed. Whether there is one, the refresh will tell. */
export const isAboutToken = (code: string | undefined): boolean => codes.has(code)
