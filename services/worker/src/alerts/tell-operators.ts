import type { Deps } from '../deps.js'
import { writeOperatorMails } from './queries.js'

/** So that an attack of ten thousand incidents is a handful of mails. */
const mailsOfRule = 3
const periodSeconds = 600
/** What a mail names one by one; of the others it says how many there are. */
const alertsInMail = 10

/**
 * Writes the mails to the operators about the alerts that wait for one: the first of a rule at once, and what comes when its mails of the period
 * have been written in one mail later.
 */
export async function tellOperators({ config, sql }: Pick<Deps, 'config' | 'sql'>): Promise<void> {
  if (config.alertMailTo === null) return
  const addresses = [...new Set(config.alertMailTo)]
  await writeOperatorMails(sql, { addresses, mailsOfRule, periodSeconds, alertsInMail })
}
