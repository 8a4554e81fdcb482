import type { Config } from '@latchkey/platform/config/config'
import type { Logger } from '@latchkey/platform/logging/logger'
import { createFolderDelivery } from './folder-delivery.js'
import type { MailDelivery } from './mail.js'
import { createServerWatch, type ServerWatch } from './server-watch.js'
import { createSmtpDelivery } from './smtp-delivery.js'
import { loadMailTemplates, type MailTemplates } from './templates.js'

type MailConfig = Pick<Config, 'mailUrl' | 'mailFolder' | 'mailTemplates' | 'nodeEnv'>

export interface MailRoom {
  readonly templates: MailTemplates
  /** Null: there is no way to send any, and they are skipped. */
  readonly delivery: MailDelivery | null
  readonly watch: ServerWatch
}

/** Connects to nothing yet. @throws TemplateProblem. */
export function createMailRoom(config: MailConfig, log: Logger): MailRoom {
  return {
    templates: loadMailTemplates(config.mailTemplates),
    delivery: createDelivery(config, log),
    watch: createServerWatch(log),
  }
}

function createDelivery({ mailUrl, mailFolder, nodeEnv }: MailConfig, log: Logger): MailDelivery | null {
  if (mailUrl !== null) return createSmtpDelivery(mailUrl, log)
  if (nodeEnv !== 'production') return createFolderDelivery(mailFolder, log)
  log.warn('MAIL_URL is not set: nobody is told of new devices, stolen sessions and changed passwords')
  return null
}
