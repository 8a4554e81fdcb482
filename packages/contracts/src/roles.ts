/** Roles that Latchkey itself gives a meaning to; operators add their own. */
export const builtInRoles = ['user', 'auditor', 'admin'] as const
export type BuiltInRole = (typeof builtInRoles)[number]

/** A user's roles are a claim of each access token, so they are few and short. */
export const maxRoles = 16
export const roleShape = '^[a-z][a-z0-9_-]{0,31}$'
