import MailComposer from 'nodemailer/lib/mail-composer'
import type { Mail } from './mail.js'

/** The mail as RFC 5322 has it. No value becomes a header of its own, and none is taken for the name of a file or a URL. */
export async function composeMessage(mail: Mail): Promise<Buffer> {
  const message = new MailComposer({
    messageId: `<${mail.messageId}>`,
    date: mail.date,
    from: mail.from,
    to: { name: '', address: mail.to },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    // RFC 3834: no holiday notice answers it.
    headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': mail.language },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return message.compile().build()
}
