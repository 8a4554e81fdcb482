import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../logging/logger.js'

export interface ShutdownStep {
  readonly name: string
  readonly close: () => unknown
}

interface ShutdownOptions {
  readonly log: Logger
  /** Milliseconds for all steps together; shorter than the time after which the supervisor sends SIGKILL. */
  readonly deadlineMs: number
  /** Closed one after the other: first what takes work in, last what the others stand on. */
  readonly steps: readonly ShutdownStep[]
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

// One Ctrl-C can arrive twice: from the terminal, which signals the whole group, and from npm or a parent that passes it on.
const echoMs = 1000

/**
 * Makes the process end in order. A signal closes every step and exits with 0; a second one, later than an echo of the first,
 * exits at once. An error that nobody caught is logged, closes every step and exits with 1, because nobody knows what state it
 * left behind. A step that fails does not keep the next from closing; it and a passed deadline make the exit code 1.
 */
export function onShutdown({ log, deadlineMs, steps }: ShutdownOptions): void {
  let startedAtMs: number | null = null
  let hasFailed = false

  async function shutDown(reason: string): Promise<void> {
    const began = performance.now()
    startedAtMs = began
    log.info({ reason }, 'shutting down')
    const isInTime = await Promise.race([closeInOrder().then(() => true), delay(deadlineMs, false)])
    if (isInTime) log.info({ ms: Math.round(performance.now() - began) }, 'shut down')
    else log.error({ deadlineMs }, 'shutdown took too long; what still runs is cut off')
    exit(isInTime && !hasFailed ? 0 : 1)
  }

  async function closeInOrder(): Promise<void> {
    for (const { name, close } of steps) {
      const began = performance.now()
      try {
        // oxlint-disable-next-line no-await-in-loop -- the order is the point
        await close()
        log.debug({ step: name, ms: Math.round(performance.now() - began) }, 'closed')
      } catch (error) {
        hasFailed = true
        log.error({ step: name, err: error }, 'could not be closed')
      }
    }
  }

  function onSignal(signal: string): void {
    if (startedAtMs === null) {
      void shutDown(signal)
    } else if (performance.now() - startedAtMs > echoMs) {
      log.warn({ reason: signal }, 'second signal, exiting at once')
      exit(1)
    }
  }

  function onError(error: unknown): void {
    hasFailed = true
    log.fatal({ err: error }, 'an error was not caught')
    if (startedAtMs === null) void shutDown('error')
  }

  for (const signal of signals) process.on(signal, onSignal)
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
}

function exit(code: number): void {
  // oxlint-disable-next-line unicorn/no-process-exit -- every step has had its turn; a handle that is left must not keep us
  process.exit(code)
}
