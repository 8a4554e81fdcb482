import { asSuperuser, withDatabase } from '../servers/as-superuser.js'
import { onFreePort } from '../servers/on-free-port.js'
import { startPostgres } from '../servers/postgres.js'
import { createDatabase, createOwner, hasDatabase, hasRole } from '../servers/queries.js'
import { findRedisBinary, findRedisInstaller, installRedis } from '../servers/redis-binary.js'
import { startRedis } from '../servers/redis.js'
import type { Home } from './home.js'
import type { Part } from './part.js'
import { wantsEmbeddedPostgres, wantsEmbeddedRedis } from './settings.js'
import { tellStep } from './terminal.js'

export interface Embedded {
  /** The settings that lead to what was started. */
  env: Record<string, string>
  /** In words: "PostgreSQL 18.4 on 127.0.0.1:41234". */
  about: string[]
}

const database = 'latchkey'

/** Starts the stores that `env` does not name, and adds each to `parts` as soon as it runs. */
export async function startEmbedded(home: Home, env: NodeJS.ProcessEnv, parts: Part[]): Promise<Embedded> {
  const embedded: Embedded = { env: {}, about: [] }
  if (wantsEmbeddedPostgres(env)) {
    const server = await onFreePort(
      (port) => startPostgres({ dataDir: home.room('postgres'), port, log: tellStep }),
      home.readPorts().postgres,
    )
    parts.push({ ...server, name: 'PostgreSQL' })
    home.savePorts({ ...home.readPorts(), postgres: server.port })
    embedded.env['DATABASE_URL'] = await openDatabase(server.url, home.secret('database-password'))
    embedded.about.push(`PostgreSQL ${server.version} on 127.0.0.1:${server.port}`)
  }
  const binary = wantsEmbeddedRedis(env) ? await findOrInstallRedis() : null
  if (binary !== null) {
    const server = await onFreePort(
      (port) => startRedis({ dataDir: home.room('redis'), port, appendOnly: true, binary }),
      home.readPorts().redis,
    )
    parts.push({ ...server, name: 'Redis' })
    home.savePorts({ ...home.readPorts(), redis: server.port })
    embedded.env['REDIS_URL'] = server.url
    embedded.about.push(`Redis on 127.0.0.1:${server.port}`)
  }
  return embedded
}

/** Makes sure of the database, and answers the URL of its owner: no superuser serves requests. */
async function openDatabase(superuserUrl: string, password: string): Promise<string> {
  await asSuperuser(superuserUrl, async (sql) => {
    if (!(await hasRole(sql, database))) await createOwner(sql, database, password)
    if (!(await hasDatabase(sql, database))) await createDatabase(sql, database, database)
  })
  return Object.assign(new URL(withDatabase(superuserUrl, database)), { username: database, password }).href
}

/** Null when there is none to be had; then one line has said so. */
async function findOrInstallRedis(): Promise<string | null> {
  const binary = findRedisBinary() ?? (await installRedis(tellStep))
  if (binary === null) {
    const command = findRedisInstaller()?.command ?? 'install redis or valkey with your package manager'
    tellStep(`Redis is missing: running without it. To have it: ${command}`)
  }
  return binary
}
