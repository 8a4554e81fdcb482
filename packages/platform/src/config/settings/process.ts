import { baseUrl, flag, host, network, oneOf, origin, listOf, token, wholeNumber } from '../parsers.js'
import { defaulted, optional, secret } from '../setting.js'

export const processSettings = {
  nodeEnv: defaulted(
    'NODE_ENV',
    oneOf('development', 'test', 'production'),
    'development',
    'production refuses example secrets and weak hashing.',
  ),
  host: defaulted(
    'HOST',
    host,
    '127.0.0.1',
    'Address that auth-api and the worker listen on; 0.0.0.0 in a container.',
  ),
  port: defaulted('PORT', wholeNumber(0, 65_535), '8000', 'Port of auth-api; 0 takes a free one.'),
  workerPort: defaulted(
    'WORKER_PORT',
    wholeNumber(0, 65_535),
    '8001',
    "Port of the worker's health and metrics; 0 takes a free one.",
  ),
  publicUrl: defaulted(
    'PUBLIC_URL',
    baseUrl,
    { words: 'http://localhost:PORT', compute: (textOf) => `http://localhost:${textOf('PORT') ?? ''}` },
    'Where clients reach auth-api. Never taken from the Host header, which a stranger chooses.',
  ),
  allowedOrigins: defaulted(
    'ALLOWED_ORIGINS',
    (text) => (text === 'none' ? [] : listOf(origin)(text)),
    'none',
    'Browser origins that may call the API, separated by commas, compared exactly; none for none (CORS).',
  ),
  trustProxy: defaulted(
    'TRUST_PROXY',
    (text) => (text === 'none' ? [] : listOf(network)(text)),
    'none',
    'Proxies whose X-Forwarded-For is believed: addresses or CIDRs separated by commas; none for none.',
  ),
  metricsToken: secret(
    optional(
      'METRICS_TOKEN',
      token(16, 512),
      'Bearer token for /metrics and /health/detailed. Without it /metrics is open and details are closed.',
    ),
  ),
  logLevel: defaulted(
    'LOG_LEVEL',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'The least severe log lines that are written.',
  ),
  logPretty: defaulted(
    'LOG_PRETTY',
    flag,
    {
      words: 'true on a terminal outside production',
      compute: (textOf, { isTerminal }) => String(isTerminal && textOf('NODE_ENV') !== 'production'),
    },
    'Readable log lines instead of JSON.',
  ),
}
