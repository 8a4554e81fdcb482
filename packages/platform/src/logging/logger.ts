import { isatty } from 'node:tty'
import {
  pino,
  stdTimeFunctions,
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
} from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Config } from '../config/config.js'
import { redact } from './redaction.js'
import { serializeReply, serializeRequest } from './requests.js'
import { scrubLine } from './scrub-line.js'
import { openStandardOutput } from './standard-output.js'

export type { Logger } from 'pino'

// JSON leaves these as they are; a terminal may take them for line breaks or the start of an escape sequence.
const nonAsciiControls = /[\u007f-\u009f\u2028\u2029]/g

export type ServiceName = 'auth-api' | 'worker' | 'start'

// Requests and replies are large and full of secrets: their own serializers pick a few fields instead of a walk over all.
const serializedFields: ReadonlySet<string> = new Set(['req', 'res'])
const serializers = {
  req: serializeRequest,
  res: serializeReply,
  err: (error: unknown) => error, // already serialized by the walk, which finds errors under any name
}

/**
 * JSON lines on standard output, with the level by name and the time in UTC. No pid and no host name: whoever collects
 * lines from several containers already labels each with its own.
 * Fields are redacted by name at every depth, children's bindings too, and each finished line by the shape of our tokens.
 */
export function createLogger(
  config: Pick<Config, 'logLevel' | 'logPretty'>,
  service: ServiceName,
  destination: DestinationStream = openStandardOutput(),
): Logger {
  const log = pino(
    {
      level: config.logLevel,
      base: { service },
      timestamp: stdTimeFunctions.isoTime,
      serializers,
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => redact(fields, serializedFields),
      },
      hooks: { streamWrite: scrubLine },
    },
    config.logPretty ? prettyStream(destination) : destination,
  )
  return withRedactedChildren(log)
}

/** pino formats the bindings of the root only. Children inherit from their parent, so that grandchildren pass through here too. */
function withRedactedChildren(log: Logger): Logger {
  const createChild: unknown = Reflect.get(log, 'child')
  if (typeof createChild !== 'function') throw new TypeError('This pino makes no children')
  return Object.assign(log, {
    child(this: Logger, bindings: Bindings, options?: ChildLoggerOptions): unknown {
      return Reflect.apply(createChild, this, [redact(bindings, serializedFields), options])
    },
  })
}

function prettyStream(destination: DestinationStream): DestinationStream {
  const prettify = prettyFactory({
    colorize: isatty(1),
    ignore: 'service',
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: (fields, messageKey) =>
      `${String(fields['service'])}: ${escapeControls(fields[messageKey])}`,
    // These four it would print before the message, as they are.
    customPrettifiers: {
      name: escapeControls,
      hostname: escapeControls,
      pid: escapeControls,
      caller: escapeControls,
    },
  })
  return { write: (line) => destination.write(prettify(line.replace(nonAsciiControls, '\ufffd'))) }
}

/** A line break or an escape sequence in a message must not look like another line of the log. */
function escapeControls(text: unknown): string {
  return typeof text === 'string' ? JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"') : ''
}
