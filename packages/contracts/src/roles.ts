/** Roles that Latchkey itself gives a meaning to; operators add their own. */
export const builtInRoles = ['user', 'auditor', 'admin'] as const
