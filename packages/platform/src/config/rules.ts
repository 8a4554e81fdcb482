import { isGuessableSecret } from './secret-strength.js'
import type { Config } from './settings.js'

/** What settings must satisfy together. Each answer is one problem in plain words, without a value of a secret. */
export function findContradictions(config: Config): string[] {
  const problems: string[] = []
  if (config.authSecretPrevious === config.authSecret) {
    problems.push(
      'AUTH_SECRET_PREVIOUS must differ from AUTH_SECRET; leave it out when the secret has not changed',
    )
  }
  if (config.accessTokenTtlSeconds > config.refreshTtlSeconds) {
    problems.push('ACCESS_TOKEN_TTL must not be longer than REFRESH_TTL')
  }
  if (config.refreshTtlSeconds > config.sessionMaxAgeSeconds) {
    problems.push('REFRESH_TTL must not be longer than SESSION_MAX_AGE')
  }
  if (config.refreshGraceSeconds > config.refreshRecoverySeconds) {
    problems.push('REFRESH_GRACE_SECONDS must not be longer than REFRESH_RECOVERY_SECONDS')
  }
  return config.nodeEnv === 'production' ? [...problems, ...findProductionProblems(config)] : problems
}

function findProductionProblems(config: Config): string[] {
  const problems: string[] = []
  const secrets = {
    AUTH_SECRET: config.authSecret,
    AUTH_SECRET_PREVIOUS: config.authSecretPrevious,
    METRICS_TOKEN: config.metricsToken,
  }
  for (const [name, secret] of Object.entries(secrets)) {
    if (secret !== null && isGuessableSecret(secret)) {
      problems.push(
        `${name} is an example or easy to guess, which production refuses; make one with: openssl rand -base64 48`,
      )
    }
  }
  // OWASP Password Storage Cheat Sheet: m=19456 KiB, t=2, p=1 is the least.
  if (config.argon2MemoryKib < 19_456) problems.push('ARGON2_MEMORY_KIB must be at least 19456 in production')
  if (config.argon2Time < 2) problems.push('ARGON2_TIME must be at least 2 in production')
  return problems
}
