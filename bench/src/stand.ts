import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@latchkey/devstack/ports'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { startPostgres, type PostgresServer } from '@latchkey/devstack/servers/postgres'
import { startRedis, type RedisServer } from '@latchkey/devstack/servers/redis'
import { createKeyring, type Keyring } from '@latchkey/platform/crypto/keyring'
import { migrate } from '@latchkey/platform/database/migrate'
import postgres from 'postgres'
import { startService, type ServiceProcess } from './service-process.js'

export interface Stand {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  /** As the superuser, in the database of the services. */
  readonly sql: postgres.Sql
  /** More connections of that kind; the caller ends them. */
  connect(max: number): postgres.Sql
  readonly postgresLog: string
  readonly keyring: Keyring
  /** What every service of the stand runs with: production, default settings, and limits that a load does not meet. */
  readonly env: Readonly<Record<string, string>>
  startApi(env?: Readonly<Record<string, string>>): Promise<ServiceProcess>
  startWorker(env?: Readonly<Record<string, string>>): Promise<ServiceProcess>
  startFloor(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>
  close(): Promise<void>
}

/** PostgreSQL and Redis of our own, in a temporary folder and on free ports, as an operator would run them: durable. */
export async function startStand(): Promise<Stand> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const close = async () => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    const dataDir = join(folder, 'postgres')
    const server = await onFreePort((port) => startPostgres({ dataDir, port }))
    closers.push(() => server.kill())
    const redis = await onFreePort((port) =>
      startRedis({ dataDir: join(folder, 'redis'), port, appendOnly: true }),
    )
    closers.push(() => redis.kill())

    const admin = postgres(server.url, { max: 1, onnotice: () => {} })
    await admin`CREATE DATABASE latchkey`
    await admin.end()
    const databaseUrl = server.url.replace(/\/postgres$/, '/latchkey')
    await migrate(databaseUrl)
    const connect = (max: number) => postgres(databaseUrl, { max, onnotice: () => {} })
    const sql = connect(2)
    closers.push(() => sql.end())

    const authSecret = randomBytes(48).toString('base64url')
    const env = {
      NODE_ENV: 'production',
      AUTH_SECRET: authSecret,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      LOG_PRETTY: 'false',
      LIMIT_LOGIN_ACCOUNT: '1000000/1s',
      LIMIT_LOGIN_ADDRESS: '1000000/1s',
      LIMIT_REFRESH_SESSION: '1000000/1s',
      LIMIT_GENERAL_ADDRESS: '1000000/1s',
    }
    const started = async (service: Promise<ServiceProcess>) => {
      const running = await service
      closers.push(() => running.stop())
      return running
    }
    return {
      postgres: server,
      redis,
      sql,
      connect,
      postgresLog: join(dataDir, 'server.log'),
      keyring: createKeyring(authSecret, null),
      env,
      async startApi(more) {
        const port = await freePort()
        const program = 'services/auth-api/dist/server.js'
        return started(
          startService(program, {
            port,
            path: '/health/ready',
            env: { ...env, PORT: String(port), ...more },
          }),
        )
      },
      async startWorker(more) {
        const port = await freePort()
        const program = 'services/worker/dist/main.js'
        return started(
          startService(program, {
            port,
            path: '/health/ready',
            env: { ...env, WORKER_PORT: String(port), ...more },
          }),
        )
      },
      async startFloor(name, more) {
        const port = await freePort()
        return started(
          startService(`bench/dist/floors/${name}.js`, {
            port,
            path: '/',
            env: { DATABASE_URL: databaseUrl, PORT: String(port), ...more },
          }),
        )
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
