import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@latchkey/platform/logging/logger'
import { composeMessage } from './compose-message.js'
import type { MailDelivery } from './mail.js'

const keptMails = 1000
/** A name begins with the time of the mail, so that the order of names is that of time. */
const fileName = /^\d{8}T\d{9}Z-.+\.eml$/

/**
 * For development: mails are files that any mail program opens, and lines in the log. A mail that is delivered again takes the
 * place of its file.
 */
export function createFolderDelivery(folder: string, log: Logger): MailDelivery {
  return {
    async deliver(mail) {
      const time = mail.date.toISOString().replaceAll(/[-:.]/g, '')
      const file = join(folder, `${time}-${mail.messageId.replace(/@.*$/, '')}.eml`)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(`${file}.draft`, await composeMessage(mail), { mode: 0o600 })
      await rename(`${file}.draft`, file)
      await removeOldest(folder)
      log.info(
        { to: mail.to, subject: mail.subject, file },
        'A mail is kept as a file, because MAIL_URL is not set',
      )
    },
    close: () => undefined,
  }
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => fileName.test(name)).toSorted()
  const oldest = names.slice(0, Math.max(0, names.length - keptMails))
  await Promise.all(oldest.map((name) => rm(join(folder, name), { force: true })))
}
