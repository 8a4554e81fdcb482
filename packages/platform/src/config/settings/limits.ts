import { limit } from '../parsers.js'
import { defaulted } from '../setting.js'

export const limitSettings = {
  limitLoginAccount: defaulted(
    'LIMIT_LOGIN_ACCOUNT',
    limit,
    '10/15m',
    'Sign-in attempts per account and address.',
  ),
  limitLoginAddress: defaulted(
    'LIMIT_LOGIN_ADDRESS',
    limit,
    '100/15m',
    'Sign-in attempts per address; IPv6 counts by /64.',
  ),
  limitRefreshSession: defaulted('LIMIT_REFRESH_SESSION', limit, '20/15m', 'Refreshes per session.'),
  limitRegisterAddress: defaulted('LIMIT_REGISTER_ADDRESS', limit, '20/15m', 'Registrations per address.'),
  limitResetAccount: defaulted(
    'LIMIT_RESET_ACCOUNT',
    limit,
    '3/1h',
    'Mails of one kind with a link that are asked for an e-mail address, whether an account has it or not.',
  ),
  limitResetAddress: defaulted(
    'LIMIT_RESET_ADDRESS',
    limit,
    '20/1h',
    'Mails with a link that are asked for from one address.',
  ),
  limitMfaChallenge: defaulted(
    'LIMIT_MFA_CHALLENGE',
    limit,
    '5/15m',
    'Tries at the second factor per sign-in; the token of a sign-in lives for 5 minutes.',
  ),
  limitExportAccount: defaulted(
    'LIMIT_EXPORT_ACCOUNT',
    limit,
    '5/1h',
    'Exports of what is held about a user, per user.',
  ),
  limitGeneralAddress: defaulted(
    'LIMIT_GENERAL_ADDRESS',
    limit,
    '1000/15m',
    'Every other request per address.',
  ),
  limitClientAddress: defaulted(
    'LIMIT_CLIENT_ADDRESS',
    limit,
    '100/15m',
    'Failed sign-ins of service clients per address; those that succeed are not counted.',
  ),
}
