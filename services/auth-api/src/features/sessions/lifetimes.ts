import type { Config } from '@latchkey/platform/config/config'

/** How long sessions live. Those of admins and auditors (ASVS 7.1.1) end by the earlier of both limits of a kind. */
export type Lifetimes = Pick<
  Config,
  'refreshTtlSeconds' | 'sessionMaxAgeSeconds' | 'adminRefreshTtlSeconds' | 'adminSessionMaxAgeSeconds'
>
