import type { SecurityEventType } from './events.js'
import type { OneTimePurpose } from './one-time-tokens.js'

interface MailRule {
  readonly type: SecurityEventType
  /** What the event's `data` must contain. */
  readonly when: Readonly<Record<string, boolean>>
  /** The name of the mail, and of its template. */
  readonly template: string
  /**
   * What the link in the mail is for. Its token is named by `tokenId` of the event's `data`, without which no mail is written; the mail
   * goes where the token says.
   */
  readonly link?: OneTimePurpose
}

/** Which events their user is told of by mail. */
export const mailRules = [
  { type: 'session.reuse_detected', when: {}, template: 'session-reuse' },
  { type: 'login.succeeded', when: { newDevice: true }, template: 'new-device' },
  { type: 'login.locked', when: {}, template: 'account-locked' },
  { type: 'password.changed', when: {}, template: 'password-changed' },
  { type: 'password.reset_requested', when: {}, template: 'password-reset', link: 'reset_password' },
  { type: 'password.reset', when: {}, template: 'password-reset-done' },
  { type: 'mfa.enabled', when: {}, template: 'mfa-enabled' },
  { type: 'mfa.disabled', when: {}, template: 'mfa-disabled' },
  { type: 'recovery_code.used', when: { few: false }, template: 'recovery-code-used' },
  { type: 'recovery_code.used', when: { few: true }, template: 'recovery-codes-low' },
  { type: 'recovery_codes.replaced', when: {}, template: 'recovery-codes-replaced' },
  { type: 'identity.linked', when: {}, template: 'identity-linked' },
  { type: 'identity.unlinked', when: {}, template: 'identity-unlinked' },
  { type: 'passkey.added', when: {}, template: 'passkey-added' },
  { type: 'passkey.removed', when: {}, template: 'passkey-removed' },
  { type: 'passkey.clone_suspected', when: {}, template: 'passkey-cloned' },
  { type: 'magic_link.requested', when: {}, template: 'magic-link', link: 'magic_link' },
  { type: 'user.registered', when: {}, template: 'verify-email', link: 'verify_email' },
  { type: 'user.invited', when: {}, template: 'invitation', link: 'reset_password' },
  { type: 'email.verification_requested', when: {}, template: 'verify-email', link: 'verify_email' },
  {
    type: 'user.registration_requested',
    when: {},
    template: 'complete-registration',
    link: 'complete_registration',
  },
  { type: 'user.registration_repeated', when: {}, template: 'account-exists' },
  { type: 'email.change_requested', when: {}, template: 'email-change-asked' },
  { type: 'email.change_requested', when: {}, template: 'confirm-email-change', link: 'change_email' },
  { type: 'email.changed', when: {}, template: 'email-changed', link: 'undo_email_change' },
  { type: 'email.change_undone', when: {}, template: 'email-change-undone', link: 'reset_password' },
  { type: 'user.deleted', when: {}, template: 'account-deleted' },
  { type: 'alert.raised', when: { mailOwner: true }, template: 'suspicious-activity' },
] as const satisfies readonly MailRule[]

/** Tells operators of alerts. Its rows name an address and no user, and the worker writes them: see services/worker/src/alerts. */
export const operatorMail = 'operator-alerts'

export type MailTemplateName = (typeof mailRules)[number]['template'] | typeof operatorMail

export const mailTemplateNames: readonly MailTemplateName[] = [
  ...new Set(mailRules.map(({ template }) => template)),
  operatorMail,
]

const links: ReadonlyMap<MailTemplateName, OneTimePurpose> = new Map(
  mailRules.flatMap((rule) => ('link' in rule ? [[rule.template, rule.link] as const] : [])),
)

/** What the link in a mail is for; null for a mail without one. */
export const mailLinkOf = (template: MailTemplateName): OneTimePurpose | null => links.get(template) ?? null
