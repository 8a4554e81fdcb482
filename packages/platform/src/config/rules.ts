import { isExampleSecret, isGuessableSecret } from './secret-strength.js'
import type { Config } from './settings.js'
import { isOriginOf } from './settings/passkeys.js'

/**
 * What settings must satisfy together, one problem a line and no value of a secret in any. Settings that were refused on their
 * own account are missing, and rules about them hold their tongue.
 */
export function findContradictions(config: Partial<Config>): string[] {
  const rules: readonly (readonly [isBroken: boolean, problem: string])[] = [
    [
      config.authSecret !== undefined && config.authSecret === config.authSecretPrevious,
      'AUTH_SECRET_PREVIOUS must differ from AUTH_SECRET; leave it out when the secret has not changed',
    ],
    [
      exceeds(config.accessTokenTtlSeconds, config.refreshTtlSeconds),
      'ACCESS_TOKEN_TTL must not be longer than REFRESH_TTL',
    ],
    [
      exceeds(config.refreshTtlSeconds, config.sessionMaxAgeSeconds),
      'REFRESH_TTL must not be longer than SESSION_MAX_AGE',
    ],
    [
      exceeds(config.adminRefreshTtlSeconds, config.adminSessionMaxAgeSeconds),
      'ADMIN_REFRESH_TTL must not be longer than ADMIN_SESSION_MAX_AGE',
    ],
    [
      exceeds(config.refreshGraceSeconds, config.refreshRecoverySeconds),
      'REFRESH_GRACE_SECONDS must not be longer than REFRESH_RECOVERY_SECONDS',
    ],
    [
      isPresent(config.passwordPepper) && config.passwordPepper === config.passwordPepperPrevious,
      'PASSWORD_PEPPER_PREVIOUS must differ from PASSWORD_PEPPER; leave it out when the pepper has not changed',
    ],
    [
      isPresent(config.passwordPepper) && config.passwordPepper === config.authSecret,
      'PASSWORD_PEPPER must differ from AUTH_SECRET: one that leaks must not take the other along',
    ],
    [
      exceeds(config.lockoutDurationSeconds, config.lockoutMaxSeconds),
      'LOCKOUT_DURATION must not be longer than LOCKOUT_MAX',
    ],
    [
      isPresent(config.backupEncryptionKey) && config.backupEncryptionKey === config.authSecret,
      'BACKUP_ENCRYPTION_KEY must differ from AUTH_SECRET: who may open backups need not be able to make tokens',
    ],
    [
      isPresent(config.googleClientId) !== isPresent(config.googleClientSecret),
      'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET must be given together',
    ],
    [
      hasForeignOrigin(config.webauthnOrigins, config.webauthnRpId),
      'WEBAUTHN_ORIGINS must be in the domain WEBAUTHN_RP_ID; without them PUBLIC_URL or one of ALLOWED_ORIGINS must',
    ],
    [isPresent(config.mailUrl) && config.mailFrom === null, 'MAIL_FROM is required with MAIL_URL'],
    ...(config.nodeEnv === 'production' ? productionRules(config) : []),
  ]
  return rules.flatMap(([isBroken, problem]) => (isBroken ? [problem] : []))
}

const weakSecret =
  'is an example or easy to guess, which production refuses; make one with: openssl rand -base64 48'

/** The least of the OWASP Password Storage Cheat Sheet for argon2id. */
const leastArgon2 = { memoryKib: 19_456, time: 2 }

/** NIST SP 800-63B-4, 3.2.2. */
const mostFailuresInARow = 100

function productionRules(config: Partial<Config>): [isBroken: boolean, problem: string][] {
  return [
    [isSetAnd(isGuessableSecret, config.authSecret), `AUTH_SECRET ${weakSecret}`],
    [isSetAnd(isGuessableSecret, config.authSecretPrevious), `AUTH_SECRET_PREVIOUS ${weakSecret}`],
    [isSetAnd(isGuessableSecret, config.passwordPepper), `PASSWORD_PEPPER ${weakSecret}`],
    [isSetAnd(isGuessableSecret, config.backupEncryptionKey), `BACKUP_ENCRYPTION_KEY ${weakSecret}`],
    [
      isSetAnd(isPlainHttp, config.passwordBreachCheckUrl),
      'PASSWORD_BREACH_CHECK_URL must be https: over http anyone on the way decides which passwords are refused',
    ],
    [isSetAnd(isExampleSecret, config.metricsToken), `METRICS_TOKEN ${weakSecret}`],
    [
      exceeds(leastArgon2.memoryKib, config.argon2MemoryKib),
      `ARGON2_MEMORY_KIB must be at least ${leastArgon2.memoryKib} in production`,
    ],
    [
      exceeds(leastArgon2.time, config.argon2Time),
      `ARGON2_TIME must be at least ${leastArgon2.time} in production`,
    ],
    [
      exceeds(config.lockoutAfter, mostFailuresInARow),
      `LOCKOUT_AFTER must be at most ${mostFailuresInARow} in production`,
    ],
    [config.requireMfa?.admins === false, 'REQUIRE_MFA must name admins or everyone in production'],
    [
      config.useCookieSessions === true && isPlainHttp(config.publicUrl),
      'PUBLIC_URL must be https with USE_COOKIE_SESSIONS: over http browsers drop the cookies',
    ],
    [
      (isPresent(config.googleClientId) || isPresent(config.oidcProviders)) && isPlainHttp(config.publicUrl),
      'PUBLIC_URL must be https with sign-in at other providers: over http browsers drop its cookie',
    ],
    [
      config.oidcProviders?.some(({ issuer }) => isPlainHttp(issuer)) === true,
      'OIDC_PROVIDERS must have https issuers in production',
    ],
  ]
}

/** On one machine nobody listens in, and browsers take `Secure` cookies from http too. */
function isPlainHttp(url: string | undefined): boolean {
  if (url === undefined) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

function hasForeignOrigin(origins: readonly string[] | undefined, domain: string | undefined): boolean {
  return origins !== undefined && domain !== undefined && origins.some((one) => !isOriginOf(one, domain))
}

function isPresent(value: object | string | null | undefined): boolean {
  return value !== null && value !== undefined
}

function exceeds(value: number | undefined, most: number | undefined): boolean {
  return value !== undefined && most !== undefined && value > most
}

function isSetAnd(isWeak: (text: string) => boolean, text: string | null | undefined): boolean {
  return typeof text === 'string' && isWeak(text)
}
