import { ConfigError, configErrorExitCode, loadConfig, type Config } from '@latchkey/platform/config/config'
import { loadTraits } from '@latchkey/platform/traits/load-traits'
import { TraitsSchemaError } from '@latchkey/platform/traits/traits-schema-error'
import { findPortProblem, freePort } from '../ports.js'
import { StartError } from '../start-error.js'

const databaseNames = ['DATABASE_URL', 'DATABASE_URL_SESSION', 'DATABASE_URL_TRANSACTION']

export function wantsEmbeddedPostgres(env: NodeJS.ProcessEnv): boolean {
  return !databaseNames.some((name) => isSet(env, name))
}

export function wantsEmbeddedRedis(env: NodeJS.ProcessEnv): boolean {
  return !isSet(env, 'REDIS_URL')
}

/** Given by name or by file, even when empty: what is mistyped must be told, not replaced. */
export function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return env[name] !== undefined || env[`${name}_FILE`] !== undefined
}

/** Stands for the database that is not started yet: the settings are checked before anything is. */
const databaseToBe = 'postgres://latchkey@127.0.0.1/latchkey'

/** The configuration that the services will run with, before there is a database. Throws `StartError` with all problems. */
export function checkSettings(env: NodeJS.ProcessEnv): Config {
  try {
    return loadConfig(wantsEmbeddedPostgres(env) ? { ...env, DATABASE_URL: databaseToBe } : env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new StartError(error.message, { exitCode: configErrorExitCode, cause: error })
  }
}

/** What TRAITS_SCHEMA says, in a few words; null without it. Throws `StartError` when it cannot be used. */
export async function checkTraits({ traitsSchema }: Config): Promise<string | null> {
  try {
    const { about } = await loadTraits(traitsSchema)
    return traitsSchema === null ? null : about
  } catch (error) {
    if (!(error instanceof TraitsSchemaError)) throw error
    throw new StartError(error.message, { exitCode: configErrorExitCode, cause: error })
  }
}

/** What becomes of the mails to users. */
export function describeMail({ mailUrl, mailFolder, nodeEnv }: Config): string {
  if (mailUrl !== null) return `sent by ${mailUrl.host}:${mailUrl.port}`
  return nodeEnv === 'production' ? 'not sent: MAIL_URL is not set' : `kept in ${mailFolder}, as .eml files`
}

/** Where this machine reaches what listens on `host`. */
export function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

export interface Ports {
  port: number
  workerPort: number
}

/** The ports to listen on, with 0 replaced by a free one. Asked before anything slow starts. */
export async function choosePorts({ host, port, workerPort }: Config): Promise<Ports> {
  if (port === workerPort && port !== 0) {
    throw new StartError(`PORT and WORKER_PORT are both ${port}: give them two`, {
      exitCode: configErrorExitCode,
    })
  }
  return {
    port: await checkPort('PORT', port, host),
    workerPort: await checkPort('WORKER_PORT', workerPort, host),
  }
}

async function checkPort(name: string, port: number, host: string): Promise<number> {
  if (port === 0) return freePort()
  const problem = await findPortProblem(port, host)
  if (problem === null) return port
  if (problem === 'EADDRINUSE') {
    throw new StartError(
      `Port ${port} is in use: stop what listens there, or choose another: ${name}=${port < 60_000 ? port + 10 : port - 10} npm start`,
    )
  }
  if (problem === 'EACCES') {
    throw new StartError(
      `Port ${port} is not for ordinary users: choose one above 1023: ${name}=8000 npm start`,
    )
  }
  throw new StartError(
    `HOST ${host} cannot be listened on (${problem}): choose an address of this machine, such as 127.0.0.1`,
  )
}
