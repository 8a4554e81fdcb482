import { createLogger, type Logger } from '@latchkey/platform/logging/logger'

export interface CapturedLog {
  log: Logger
  /** Everything written so far, as it would reach standard output. */
  text(): string
  /** The lines, parsed. */
  lines(): Record<string, unknown>[]
}

/** The logger of the product with its output kept in memory. */
export function captureLog(options: { logPretty?: boolean } = {}): CapturedLog {
  const chunks: string[] = []
  const log = createLogger({ logLevel: 'trace', logPretty: options.logPretty ?? false }, 'auth-api', {
    write: (line) => chunks.push(line),
  })
  const text = () => chunks.join('')
  return {
    log,
    text,
    lines: () =>
      text()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}
