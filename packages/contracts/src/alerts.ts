/** What detection looks for: one rule a file in services/worker/src/detection/rules, each with its threshold and reason. */
export const alertRules = [
  'brute-force',
  'credential-stuffing',
  'password-spraying',
  'many-accounts-one-device',
  'new-device-new-country',
  'impossible-travel',
  'refresh-reuse',
  'mfa-fatigue',
  'failures-then-success',
  'privilege-change',
  'admin-odd-hours',
  'export-burst',
] as const
export type AlertRule = (typeof alertRules)[number]

/** What follows from an alert beside its row, its event and its webhooks. All but the mails are done to the account it is about, if any. */
export const alertActions = [
  'mail_owner',
  'mail_operators',
  'require_second_factor',
  'end_sessions',
  'lock',
] as const
export type AlertAction = (typeof alertActions)[number]

/** Null for a rule that is off. */
export type ActionsOfRules = Readonly<Record<AlertRule, readonly AlertAction[] | null>>

/**
 * Unless DETECTION_ACTIONS says otherwise. Whoever was signed out by reuse, locked out or signed in on a new device has a mail of that event
 * already, and nothing here is done to an account by itself: a rule that errs, or a stranger who provokes it, would hurt its owner.
 */
export const defaultActions: ActionsOfRules = {
  'brute-force': ['mail_operators'],
  'credential-stuffing': ['mail_operators'],
  'password-spraying': ['mail_operators'],
  'many-accounts-one-device': ['mail_operators'],
  'new-device-new-country': [],
  'impossible-travel': ['mail_owner', 'mail_operators'],
  'refresh-reuse': ['mail_operators'],
  'mfa-fatigue': ['mail_owner', 'mail_operators'],
  'failures-then-success': ['mail_owner', 'mail_operators'],
  'privilege-change': ['mail_operators'],
  'admin-odd-hours': ['mail_operators'],
  'export-burst': ['mail_operators'],
}
