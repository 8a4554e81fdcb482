import { flag } from '../parsers.js'
import { defaulted } from '../setting.js'

export const accountSettings = {
  magicLink: defaulted(
    'MAGIC_LINK',
    flag,
    'false',
    'Whether people may sign in by a link in a mail, and so everyone who reads their mailbox (ASVS 6.3.6).',
  ),
}
