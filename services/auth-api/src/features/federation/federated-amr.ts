/**
 * Not in RFC 8176, whose words are all of what was presented: what that was, the provider knows. Microsoft's tokens call it the same. A
 * provider's own second factor is none of ours: nothing that it says raises a session's level.
 */
export const federatedAmr = ['fed'] as const
