/** `npm start`: everything that Latchkey needs, from one command, and all of it stopped by one Ctrl-C. */
import { prepareDatabase } from './servers/prepare-database.js'
import { startEmbedded } from './start/embedded.js'
import { openHome, stopLeftovers, type Home } from './start/home.js'
import type { Part } from './start/part.js'
import { startService } from './start/service.js'
import { checkSettings, checkTraits, choosePorts, describeMail, isSet, urlOf } from './start/settings.js'
import { renderSummary } from './start/summary.js'
import { red, tellStep } from './start/terminal.js'
import { catchSignals, type CaughtSignals } from './signals.js'
import { StartError } from './start-error.js'

const forcedExitCode = 130

async function main(args: readonly string[], signals: CaughtSignals): Promise<number> {
  const unknown = args.find((arg) => arg !== '--fresh')
  if (unknown !== undefined)
    throw new StartError(`${unknown} is unknown: npm start takes -- --fresh or nothing`)
  if (process.platform === 'win32') throw new StartError('npm start needs Linux or macOS: on Windows use WSL')

  const home = openHome(process.cwd())
  const parts: Part[] = []
  signals.force.addEventListener('abort', () => void endAtOnce(parts))
  try {
    await stopLeftovers(home)
    if (args.includes('--fresh')) home.emptyData()
    await start(home, parts, signals.stop)
    const end = await Promise.race([untilAborted(signals.stop), ...parts.map(untilEnded)])
    if (end === null) return 0
    console.error(red(`${end.name} ended by itself (${end.how}): stopping the rest`))
    return 1
  } finally {
    if (parts.length > 0) tellStep('stopping')
    for (const part of parts.toReversed()) await part.stop()
    if (parts.length > 0) tellStep('stopped')
    home.release()
  }
}

/** Starts one thing after the other, each standing on the former, and adds it to `parts`. Returns early once `stop` is aborted. */
async function start(home: Home, parts: Part[], stop: AbortSignal): Promise<void> {
  const began = performance.now()
  const secret = isSet(process.env, 'AUTH_SECRET') ? {} : { AUTH_SECRET: home.secret('auth-secret') }
  const config = checkSettings({ ...process.env, ...secret })
  const traits = await checkTraits(config)
  const { port, workerPort } = await choosePorts(config)

  const embedded = await startEmbedded(home, process.env, parts)
  for (const line of embedded.about) tellStep(line)
  home.saveEnvironment({ ...secret, ...embedded.env })
  if (stop.aborted) return

  const migrations = await prepareDatabase(embedded.env['DATABASE_URL'] ?? config.databaseUrl)
  if (migrations > 0) tellStep(`${migrations} migrations applied`)

  const [baseUrl, workerUrl] = [urlOf(config.host, port), urlOf(config.host, workerPort)]
  const env = {
    ...process.env,
    ...secret,
    ...embedded.env,
    PORT: String(port),
    WORKER_PORT: String(workerPort),
    LOG_PRETTY: String(config.logPretty), // their output is a pipe, ours may be a terminal
  }
  const services = [
    { name: 'worker', entry: '@latchkey/worker/main', url: workerUrl },
    { name: 'auth-api', entry: '@latchkey/auth-api/server', url: baseUrl },
  ] as const
  const started = services.map(({ name, entry, url }) =>
    startService({ name, entry, env, folder: home.room(name), readyUrl: `${url}/health/ready` }),
  )
  parts.push(...started)
  await Promise.all(started.map((service) => service.untilReady(stop)))
  if (stop.aborted) return

  for (const service of started) service.showOutput()
  const seconds = (performance.now() - began) / 1000
  console.log(
    renderSummary({
      baseUrl,
      workerUrl,
      servers: embedded.about,
      mail: describeMail(config),
      traits,
      seconds,
    }),
  )
  console.log(`ready ${baseUrl}`)
}

function untilAborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null))
  })
}

async function untilEnded({ name, ended }: Part): Promise<{ name: string; how: string }> {
  return { name, how: await ended }
}

async function endAtOnce(parts: readonly Part[]): Promise<void> {
  await Promise.allSettled(parts.map((part) => part.kill()))
  process.exit(forcedExitCode)
}

// A terminal that was closed takes no more lines; what is to be stopped must be stopped all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

try {
  process.exitCode = await main(process.argv.slice(2), catchSignals())
} catch (error) {
  console.error(error instanceof StartError ? red(error.message) : error)
  process.exitCode = error instanceof StartError ? error.exitCode : 1
}
