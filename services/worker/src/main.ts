import { configErrorExitCode } from '@latchkey/platform/config/config'
import { describeConfig } from '@latchkey/platform/config/describe-config'
import { onShutdown } from '@latchkey/platform/shutdown/on-shutdown'
import { closeRedisDeps, closeStoreDeps, createDeps, type Deps } from './deps.js'
import { buildHttp } from './http.js'
import { GeoIpProblem } from './detection/places.js'
import { TemplateProblem } from './mail/template-parts.js'
import { giveUp, readConfig } from './startup.js'
import { startWorker, type Worker } from './worker.js'

/** Below the 10 s after which container engines send SIGKILL. */
const shutdownDeadlineMs = 9000
/** Leaves time to close the connections behind the jobs in order. */
const jobsDeadlineMs = 7000

const config = readConfig('worker', process.env)
const deps = createDepsOrGiveUp()
let worker: Worker | null = null
let isShuttingDown = false
const http = buildHttp(deps, { isShuttingDown: () => isShuttingDown })

onShutdown({
  log: deps.log,
  deadlineMs: shutdownDeadlineMs,
  steps: [
    { name: 'readiness', close: () => (isShuttingDown = true) },
    { name: 'jobs', close: () => worker?.stop(jobsDeadlineMs) },
    { name: 'mail', close: () => deps.mail.delivery?.close() },
    { name: 'redis', close: () => closeRedisDeps(deps) },
    { name: 'http', close: () => http.close() },
    { name: 'database', close: () => closeStoreDeps(deps) },
  ],
})

let address: string
try {
  address = await http.listen({ host: config.host, port: config.workerPort })
} catch (error) {
  giveUp('worker', describeListenError(error), 1)
}
if (!isShuttingDown) {
  worker = startWorker(deps)
  deps.log.info({ address, node: process.version, config: describeConfig(config) }, 'working')
}

function createDepsOrGiveUp(): Deps {
  try {
    return createDeps(config)
  } catch (error) {
    if (error instanceof TemplateProblem || error instanceof GeoIpProblem)
      giveUp('worker', error.message, configErrorExitCode)
    throw error
  }
}

function describeListenError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const port = config.workerPort
  if (code === 'EADDRINUSE')
    return `Port ${port} is in use. Stop what listens there, or set WORKER_PORT to another.`
  if (code === 'EACCES')
    return `Port ${port} may not be used by this user. Set WORKER_PORT to one above 1023.`
  return `Cannot listen on ${config.host} port ${port}: ${error instanceof Error ? error.message : String(error)}`
}
