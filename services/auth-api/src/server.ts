import { ConfigError, configErrorExitCode, loadConfig, type Config } from '@latchkey/platform/config/config'
import { describeConfig } from '@latchkey/platform/config/describe-config'
import { onShutdown } from '@latchkey/platform/shutdown/on-shutdown'
import { buildApp } from './app.js'
import { closeDeps, createDeps } from './deps.js'

/** Below the 10 s after which container engines send SIGKILL. */
const shutdownDeadlineMs = 9000

const config = readConfig()
const deps = await createDeps(config)
deps.log.info({ node: process.version, config: describeConfig(config) }, 'starting')
const app = await buildApp(deps)

onShutdown({
  log: deps.log,
  deadlineMs: shutdownDeadlineMs,
  steps: [
    { name: 'readiness', close: () => app.drain() },
    { name: 'http', close: () => app.close() },
    { name: 'dependencies', close: () => closeDeps(deps) },
  ],
})

try {
  const { host, port } = config
  await app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` })
} catch (error) {
  giveUp(describeListenError(error), 1)
}

function readConfig(): Config {
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (error instanceof ConfigError) giveUp(error.message, configErrorExitCode)
    throw error
  }
}

function describeListenError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `Port ${config.port} is in use. Stop what listens there, or set PORT to another.`
  if (code === 'EACCES')
    return `Port ${config.port} may not be used by this user. Set PORT to one above 1023.`
  return `Cannot listen on ${config.host} port ${config.port}: ${error instanceof Error ? error.message : String(error)}`
}

function giveUp(message: string, exitCode: number): never {
  process.stderr.write(`auth-api: ${message}\n`)
  // eslint-disable-next-line unicorn/no-process-exit -- connections that are open would keep a process that serves nobody
  process.exit(exitCode)
}
