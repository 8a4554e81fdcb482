import { flag } from '../parsers.js'
import { defaulted, optional } from '../setting.js'

export const accountSettings = {
  requireEmailVerification: defaulted(
    'REQUIRE_EMAIL_VERIFICATION',
    flag,
    'false',
    'Whether an account is made only when the link in a mail to its address is followed; then registering tells nobody which addresses have one.',
  ),
  magicLink: defaulted(
    'MAGIC_LINK',
    flag,
    'false',
    'Whether people may sign in by a link in a mail, and so everyone who reads their mailbox (ASVS 6.3.6).',
  ),
  traitsSchema: optional(
    'TRAITS_SCHEMA',
    (text) => text,
    'JSON Schema file that says what userType and traits may be; docs/traits.md tells how. Without it both are free.',
  ),
}
