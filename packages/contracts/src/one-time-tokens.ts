const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** What a link in a mail is for: how long it is good, and the page under PUBLIC_URL that it leads to. */
export const oneTimePurposes = {
  verify_email: { ttlSeconds: day, path: '/verify-email' },
  // The same page: to whoever reads the mail it is the same.
  complete_registration: { ttlSeconds: day, path: '/verify-email' },
  // As long as a verification, because it is one: of the address that is to come.
  change_email: { ttlSeconds: day, path: '/confirm-email-change' },
  // Long enough for an owner who reads the mail after a week away.
  undo_email_change: { ttlSeconds: 7 * day, path: '/undo-email-change' },
  reset_password: { ttlSeconds: 30 * minute, path: '/reset-password' },
  magic_link: { ttlSeconds: 10 * minute, path: '/magic-link' },
} as const satisfies Record<string, { ttlSeconds: number; path: `/${string}` }>

export type OneTimePurpose = keyof typeof oneTimePurposes
