import { configErrorExitCode, type Config } from '@latchkey/platform/config/config'
import { toAppError } from '@latchkey/platform/database/errors'
import { TraitsSchemaError } from '@latchkey/platform/traits/traits-schema-error'
import { closeStoreDeps, createStoreDeps, type StoreDeps } from '../deps.js'
import { giveUp, readConfig } from '../startup.js'

/** EX_TEMPFAIL of sysexits.h: the same command may go well later. */
const temporaryFailure = 75

/**
 * Runs one command: what it answers is printed as the result line, and whatever it fails with becomes one line and an exit code.
 * A signal asks the command to stop between two steps.
 */
export async function runCommand(
  name: string,
  command: (deps: StoreDeps, signal: AbortSignal) => Promise<string>,
): Promise<void> {
  const config: Config = { ...readConfig(name, process.env), logLevel: 'silent' }
  const deps = createStoreDeps(config)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  try {
    process.stdout.write(`${await command(deps, stopping.signal)}\n`)
  } catch (error) {
    if (toAppError(error)?.status === 503)
      giveUp(name, `PostgreSQL is away: ${describe(error)}`, temporaryFailure)
    giveUp(name, describe(error), error instanceof TraitsSchemaError ? configErrorExitCode : 1)
  } finally {
    await closeStoreDeps(deps)
  }
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
