import type { Setting } from './setting.js'
import { accountSettings } from './settings/accounts.js'
import { federationSettings } from './settings/federation.js'
import { backupSettings } from './settings/backups.js'
import { detectionSettings } from './settings/detection.js'
import { limitSettings } from './settings/limits.js'
import { lockoutSettings } from './settings/lockout.js'
import { mailSettings } from './settings/mail.js'
import { outboundSettings } from './settings/outbound.js'
import { passkeySettings } from './settings/passkeys.js'
import { passwordSettings } from './settings/passwords.js'
import { processSettings } from './settings/process.js'
import { storageSettings } from './settings/storage.js'
import { tokenSettings } from './settings/tokens.js'
import { workerSettings } from './settings/worker.js'

/** Every setting, by the name that it has in `Config`. The type, the checks, the summary and `.env.example` come from here. */
export const settings = {
  ...tokenSettings,
  ...storageSettings,
  ...processSettings,
  ...accountSettings,
  ...federationSettings,
  ...passwordSettings,
  ...passkeySettings,
  ...limitSettings,
  ...lockoutSettings,
  ...workerSettings,
  ...backupSettings,
  ...mailSettings,
  ...detectionSettings,
  ...outboundSettings,
} satisfies Record<string, Setting<unknown>>

export const settingSections: readonly (readonly [title: string, Record<string, Setting<unknown>>])[] = [
  ['Secrets and tokens', tokenSettings],
  ['PostgreSQL and Redis', storageSettings],
  ['Process', processSettings],
  ['Accounts', accountSettings],
  ['Sign-in with other providers', federationSettings],
  ['Passwords', passwordSettings],
  ['Passkeys', passkeySettings],
  ['Limits: COUNT/WINDOW', limitSettings],
  ['Lockout', lockoutSettings],
  ['Worker', workerSettings],
  ['Backups', backupSettings],
  ['Mail', mailSettings],
  ['Detection and alerts', detectionSettings],
  ['Outbound requests', outboundSettings],
]

type ValueOf<S> = S extends Setting<infer T> ? T : never

/** The settings of one process, checked. Durations are in the unit that their name ends with. */
export type Config = { readonly [Name in keyof typeof settings]: ValueOf<(typeof settings)[Name]> }
