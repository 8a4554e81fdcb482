import { ConfigError, configErrorExitCode, loadConfig, type Config } from '@latchkey/platform/config/config'

/** Ends the process with one clear message, before it has begun anything. */
export function giveUp(name: string, message: string, exitCode: number): never {
  process.stderr.write(`${name}: ${message}\n`)
  // oxlint-disable-next-line unicorn/no-process-exit -- open connections would keep a process that does nothing
  process.exit(exitCode)
}

export function readConfig(name: string, env: NodeJS.ProcessEnv): Config {
  try {
    return loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) giveUp(name, error.message, configErrorExitCode)
    throw error
  }
}
