import { Refusal, type Parser } from '../parsers.js'
import { defaulted, optional, secret } from '../setting.js'

/** Where mail is handed in. */
export interface MailServer {
  readonly host: string
  readonly port: number
  /** `at-once`: TLS from the first byte. `starttls`: nothing is said before TLS is on. */
  readonly tls: 'at-once' | 'starttls' | 'off'
  readonly login: { readonly user: string; readonly password: string } | null
}

export interface MailSender {
  readonly name: string
  readonly address: string
}

const addressPattern = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i
const loopbackPattern = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i

/**
 * TLS is required, its certificate checked, and a password never sent without: an eavesdropper reads links that sign people in.
 * Only on the way to this very machine, or where the operator says so, there is none.
 */
const mailServer: Parser<MailServer> = (text) => {
  const url = URL.canParse(text) ? new URL(text) : null
  const isMail = url?.protocol === 'smtp:' || url?.protocol === 'smtps:'
  if (url === null || !isMail || url.hostname === '' || !/^\/?$/.test(url.pathname) || url.hash !== '')
    throw new Refusal('must be a URL like smtp://user:password@host:587 or smtps://user:password@host:465')
  if (url.search !== '' && url.search !== '?tls=off') throw new Refusal('takes no option but ?tls=off')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isLoopback = loopbackPattern.test(host)
  const isOff = url.search !== '' || isLoopback
  if (url.protocol === 'smtps:' && url.search !== '') throw new Refusal('must not have ?tls=off with smtps')
  if ((url.username === '') !== (url.password === ''))
    throw new Refusal('must have both a user and a password, or neither')
  if (url.username !== '' && url.search !== '' && !isLoopback)
    throw new Refusal('must not send a password without TLS')
  return {
    host,
    port: Number(url.port) || (url.protocol === 'smtps:' ? 465 : 587),
    tls: url.protocol === 'smtps:' ? 'at-once' : isOff ? 'off' : 'starttls',
    login: url.username === '' ? null : { user: decode(url.username), password: decode(url.password) },
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Refusal('must write a % in its user or password as %25')
  }
}

/** An address alone. */
export const mailAddress: Parser<string> = (text) => {
  if (!addressPattern.test(text)) throw new Refusal('must list addresses like security@example.com')
  return text
}

/** `Name <address>` or an address alone. */
const mailSender: Parser<MailSender> = (text) => {
  const [, name = '', inBrackets] = /^([^<>]*)<([^<>]*)>$/.exec(text) ?? []
  const address = inBrackets ?? text
  if (!addressPattern.test(address) || !/^[\p{L}\p{N}\p{P}\p{S} ]*$/u.test(name) || name.length > 100)
    throw new Refusal('must be an address like no-reply@example.com, or Name <no-reply@example.com>')
  return { name: name.trim().replace(/^"(.*)"$/, '$1'), address }
}

export const mailSettings = {
  mailUrl: secret(
    optional(
      'MAIL_URL',
      mailServer,
      'SMTP server: smtp:// (with STARTTLS) or smtps://; docs/mail.md has more. Without it mails are kept in MAIL_FOLDER, and in production not sent.',
    ),
  ),
  mailFrom: optional(
    'MAIL_FROM',
    mailSender,
    'Sender of mails: an address, or Name <address>. Required with MAIL_URL.',
  ),
  mailFolder: defaulted(
    'MAIL_FOLDER',
    (text) => text,
    '.latchkey/mail',
    'Where mails are kept as .eml files, the newest 1000, outside production and without MAIL_URL.',
  ),
  mailTemplates: optional(
    'MAIL_TEMPLATES',
    (text) => text,
    'Folder with templates of your own, such as en/new-device.liquid; docs/mail.md tells how.',
  ),
}
