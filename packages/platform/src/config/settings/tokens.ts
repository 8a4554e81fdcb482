import { baseUrl, bytes, duration, flag, oneOf, token, wholeNumber } from '../parsers.js'
import { defaulted, optional, required, secret } from '../setting.js'

export const tokenSettings = {
  authSecret: secret(
    required(
      'AUTH_SECRET',
      bytes(32, 4096),
      'Every key is derived from it: refresh tokens, sealed signing keys. At least 32 bytes, for example from `openssl rand -base64 48`.',
    ),
  ),
  authSecretPrevious: secret(
    optional(
      'AUTH_SECRET_PREVIOUS',
      bytes(32, 4096),
      'The secret before a change, still accepted. Leave it in for REFRESH_TTL, and until the log says that second factors are sealed with AUTH_SECRET.',
    ),
  ),
  issuer: defaulted(
    'ISSUER',
    baseUrl,
    { words: 'the same as PUBLIC_URL', compute: (textOf) => textOf('PUBLIC_URL') },
    'Claim `iss` of access tokens (RFC 9068).',
  ),
  audience: defaulted(
    'AUDIENCE',
    token(1, 255),
    'latchkey',
    'Claim `aud` of access tokens: who they are meant for (RFC 9068).',
  ),
  signingAlgorithm: defaulted(
    'SIGNING_ALGORITHM',
    oneOf('ES256', 'EdDSA'),
    'ES256',
    'Algorithm of the next signing key. ES256 verifies faster and is understood everywhere.',
  ),
  accessTokenTtlSeconds: defaulted(
    'ACCESS_TOKEN_TTL',
    duration('1m', '24h'),
    '15m',
    'Life of an access token.',
  ),
  refreshTtlSeconds: defaulted(
    'REFRESH_TTL',
    duration('5m', '365d'),
    '7d',
    'A session ends when it is not refreshed for this long.',
  ),
  sessionMaxAgeSeconds: defaulted(
    'SESSION_MAX_AGE',
    duration('5m', '730d'),
    '30d',
    'A session ends this long after sign-in, however busy.',
  ),
  adminRefreshTtlSeconds: defaulted(
    'ADMIN_REFRESH_TTL',
    duration('5m', '365d'),
    '30m',
    'The same as REFRESH_TTL for admins and auditors; never longer than it.',
  ),
  adminSessionMaxAgeSeconds: defaulted(
    'ADMIN_SESSION_MAX_AGE',
    duration('5m', '730d'),
    '12h',
    'The same as SESSION_MAX_AGE for admins and auditors, counted from when they last gave a credential; never longer than it.',
  ),
  maxSessionsPerUser: defaulted(
    'MAX_SESSIONS_PER_USER',
    wholeNumber(1, 500),
    '20',
    'A sign-in beyond it ends the least recently used session. 20 is all devices of a busy person, and a list that one can still read.',
  ),
  deviceChange: defaulted(
    'DEVICE_CHANGE',
    oneOf('report', 'sign_out'),
    'report',
    'What a refresh from another browser, app or platform does: report tells of it, sign_out also ends the session. A new network is only told.',
  ),
  refreshGraceSeconds: defaulted(
    'REFRESH_GRACE_SECONDS',
    wholeNumber(0, 60),
    '10',
    'Seconds in which parallel refreshes of one token get the same successor.',
  ),
  refreshRecoverySeconds: defaulted(
    'REFRESH_RECOVERY_SECONDS',
    wholeNumber(0, 3600),
    '300',
    'Seconds in which a client without Idempotency-Key may repeat a refresh whose answer it lost.',
  ),
  refreshDurability: defaulted(
    'REFRESH_DURABILITY',
    oneOf('async', 'sync'),
    'async',
    'sync waits for the disk at every refresh; async loses nothing either, because a lost rotation heals itself.',
  ),
  useCookieSessions: defaulted(
    'USE_COOKIE_SESSIONS',
    flag,
    'false',
    'Whether a browser may keep its session in cookies that scripts cannot read; needs https in production.',
  ),
}
