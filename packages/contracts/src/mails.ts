import type { SecurityEventType } from './events.js'

interface MailRule {
  readonly type: SecurityEventType
  /** What the event's `data` must contain. */
  readonly when: Readonly<Record<string, boolean>>
  /** The name of the mail, and of its template. */
  readonly template: string
}

/** Which events their user is told of by mail. */
export const mailRules = [
  { type: 'session.reuse_detected', when: {}, template: 'session-reuse' },
  { type: 'login.succeeded', when: { newDevice: true }, template: 'new-device' },
  { type: 'password.changed', when: {}, template: 'password-changed' },
] as const satisfies readonly MailRule[]

export type MailTemplateName = (typeof mailRules)[number]['template']

export const mailTemplateNames: readonly MailTemplateName[] = mailRules.map(({ template }) => template)
