import { parseDatabaseUrl } from '../../database/database-url.js'
import { connectionUrl, oneOf, Refusal, token, wholeNumber, type Parser } from '../parsers.js'
import { defaulted, optional, required, secret } from '../setting.js'

const anyPostgresUrl = connectionUrl('postgres', 'postgresql')

export const postgresUrl: Parser<string> = (text) => {
  anyPostgresUrl(text)
  try {
    parseDatabaseUrl(text)
  } catch (error) {
    throw new Refusal(`cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
  return text
}

export const storageSettings = {
  databaseUrl: {
    ...secret(
      required(
        'DATABASE_URL',
        postgresUrl,
        'PostgreSQL, reached directly: migrations and advisory locks need a session.',
      ),
    ),
    preferredEnv: 'DATABASE_URL_SESSION',
  },
  databaseUrlTransaction: secret(
    defaulted(
      'DATABASE_URL_TRANSACTION',
      postgresUrl,
      {
        words: 'the same as DATABASE_URL',
        compute: (textOf) => textOf('DATABASE_URL'),
      },
      'PostgreSQL for short statements; may be PgBouncer 1.21 or later in transaction mode.',
    ),
  ),
  dbSsl: optional(
    'DB_SSL',
    oneOf('disable', 'require', 'verify-full'),
    "TLS to PostgreSQL; only verify-full checks the server's certificate. Without it the URL's sslmode decides.",
  ),
  dbPoolMax: defaulted(
    'DB_POOL_MAX',
    wholeNumber(1, 1000),
    '10',
    'Connections a process opens in each pool at most.',
  ),
  dbIdleTimeoutMs: defaulted(
    'DB_IDLE_TIMEOUT_MS',
    wholeNumber(1000, 3_600_000),
    '30000',
    'Milliseconds after which an unused connection is closed.',
  ),
  dbConnTimeoutMs: defaulted(
    'DB_CONN_TIMEOUT_MS',
    wholeNumber(100, 60_000),
    '2000',
    'Milliseconds to wait for a connection, new or shared, before a request is answered 503.',
  ),
  dbStatementTimeoutMs: defaulted(
    'DB_STATEMENT_TIMEOUT_MS',
    wholeNumber(100, 600_000),
    '5000',
    'Milliseconds after which PostgreSQL cancels a statement.',
  ),
  redisUrl: secret(
    optional(
      'REDIS_URL',
      connectionUrl('redis', 'rediss'),
      'Redis for limits, revocations and queues. Without it each process limits on its own and PostgreSQL does the rest.',
    ),
  ),
  redisKeyPrefix: defaulted(
    'REDIS_KEY_PREFIX',
    token(1, 64),
    'lk:',
    'Before every Redis key, so that installations can share one.',
  ),
}
