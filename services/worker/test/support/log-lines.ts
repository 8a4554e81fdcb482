import { createLogger, type Logger } from '@latchkey/platform/logging/logger'

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** A log that keeps its lines. */
export function recordLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as LogLine)
  return { log: createLogger({ logLevel: 'debug', logPretty: false }, 'worker', { write }), lines }
}
