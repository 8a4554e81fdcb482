import type { MailTemplateName } from '@latchkey/contracts/mails'
import type { Config } from '@latchkey/platform/config/config'
import type { Mail } from './mail.js'
import { shownText } from './shown-text.js'
import type { MailTemplates } from './templates.js'

/** What a mail is made of. */
export interface MailOccasion {
  readonly eventId: string
  readonly template: MailTemplateName
  readonly createdAt: Date
  readonly occurredAt: Date
  readonly email: string
  readonly name: string | null
  readonly locale: string | null
  readonly deviceName: string | null
  readonly userAgent: string | null
  readonly ip: string | null
  /** Null for a mail without one. */
  readonly link: string | null
  /** The rule of an alert. */
  readonly rule: string | null
  /** What was done to the reader's account. */
  readonly actions: readonly string[] | null
  /** Alerts, a line each, and how many there are beside. */
  readonly alerts: readonly string[] | null
  readonly more: number | null
}

/** Longer than a name needs to be, and too short for a letter in our name. */
const shownLength = { name: 60, device: 60, userAgent: 100 }

/**
 * The mail in the reader's language. It has no links but what templates make of PUBLIC_URL and the one it is written for. Anyone may ask for
 * such a link for anyone, so that mail shows nothing of what the one who asked calls himself.
 */
export function writeMail(
  { mailFrom, publicUrl }: Pick<Config, 'mailFrom' | 'publicUrl'>,
  templates: MailTemplates,
  occasion: MailOccasion,
): Mail {
  const template = templates.find(occasion.template, occasion.locale)
  const isAskedFor = occasion.link !== null
  const from = mailFrom ?? { name: 'Latchkey', address: 'no-reply@localhost' }
  const rendered = template.render({
    service: new URL(publicUrl).host,
    publicUrl,
    name: shownText(occasion.name, shownLength.name),
    time: describeTime(occasion.occurredAt, template.language),
    device: isAskedFor ? null : shownText(occasion.deviceName, shownLength.device),
    userAgent: isAskedFor ? null : shownText(occasion.userAgent, shownLength.userAgent),
    ip: occasion.ip,
    link: occasion.link,
    rule: occasion.rule,
    actions: occasion.actions?.join(' ') ?? null,
    alerts: occasion.alerts?.join('\n') ?? null,
    more: occasion.more === null || occasion.more === 0 ? null : String(occasion.more),
  })
  return {
    ...rendered,
    messageId: `${occasion.eventId}.${occasion.template}@${from.address.slice(from.address.lastIndexOf('@') + 1)}`,
    from,
    to: occasion.email,
    date: occasion.createdAt,
    language: template.language,
  }
}

/** In UTC and saying so: nobody knows where the reader is. */
function describeTime(time: Date, language: string): string {
  return new Intl.DateTimeFormat(language, {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: 'UTC',
    timeZoneName: 'short',
  }).format(time)
}
