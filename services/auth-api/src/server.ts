import { ConfigError, configErrorExitCode, loadConfig, type Config } from '@latchkey/platform/config/config'
import { describeConfig } from '@latchkey/platform/config/describe-config'
import { onShutdown } from '@latchkey/platform/shutdown/on-shutdown'
import { buildApp } from './app.js'
import { closeDeps, createDeps, type Deps } from './deps.js'
import { resealSeeds } from './features/mfa/reseal-seeds.js'
import { tellMissingFactors } from './features/mfa/tell-missing-factors.js'

/** Below the 10 s after which container engines send SIGKILL. */
const shutdownDeadlineMs = 9000

const config = readConfig()
const deps = await connect(config)
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
  deps.log.info(
    { node: process.version, config: describeConfig(config), traits: deps.traits.about },
    'starting',
  )
  await app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` })
  if (config.authSecretPrevious !== null) void resealSeeds(deps)
  void tellMissingFactors(deps)
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

/** A store that is away is no failure here; one whose URL cannot be used is a setting that cannot be used. */
async function connect(settings: Config): Promise<Deps> {
  try {
    return await createDeps(settings)
  } catch (error) {
    return giveUp(`The configuration cannot be used: ${messageOf(error)}`, configErrorExitCode)
  }
}

function describeListenError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const { host, port } = config
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Stop what listens there, or set PORT to another.`
  if (code === 'EACCES') return `Port ${port} may not be used by this user. Set PORT to one above 1023.`
  return `Cannot listen on ${host} port ${port}: ${messageOf(error)}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function giveUp(message: string, exitCode: number): never {
  process.stderr.write(`auth-api: ${message}\n`)
  // oxlint-disable-next-line unicorn/no-process-exit -- connections that are open would keep a process that serves nobody
  process.exit(exitCode)
}
