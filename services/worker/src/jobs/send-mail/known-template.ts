import { mailTemplateNames, type MailTemplateName } from '@latchkey/contracts/mails'

export function isMailTemplateName(name: string): name is MailTemplateName {
  return mailTemplateNames.some((known) => known === name)
}
