import { asSuperuser, withDatabase } from '../servers/as-superuser.js'
import { onFreePort } from '../servers/on-free-port.js'
import { startPostgres } from '../servers/postgres.js'
import { createDatabase, createOwner, hasDatabase, hasRole } from '../servers/queries.js'
import { findRedisBinary, findRedisInstaller, installRedis } from '../servers/redis-binary.js'
import { startRedis } from '../servers/redis.js'
import type { Home } from './home.js'
import type { Part } from './part.js'

type Log = (line: string) => void

export interface EmbeddedServer extends Part {
  url: string
  /** For the summary: "PostgreSQL 18.4 on 127.0.0.1:41234". */
  about: string
}

const database = 'latchkey'

/** PostgreSQL with a database `latchkey`, reached as its owner: no superuser serves requests. */
export async function startEmbeddedPostgres(home: Home, log: Log): Promise<EmbeddedServer> {
  const server = await onFreePort(
    (port) => startPostgres({ dataDir: home.room('postgres'), port, log }),
    home.readPorts().postgres,
  )
  home.savePorts({ ...home.readPorts(), postgres: server.port })
  const password = home.secret('database-password')
  await asSuperuser(server.url, async (sql) => {
    if (!(await hasRole(sql, database))) await createOwner(sql, database, password)
    if (!(await hasDatabase(sql, database))) await createDatabase(sql, database, database)
  })
  const url = Object.assign(new URL(withDatabase(server.url, database)), {
    username: database,
    password,
  }).href
  return {
    name: 'PostgreSQL',
    about: `PostgreSQL ${server.version} on 127.0.0.1:${server.port}`,
    url,
    ended: server.ended,
    stop: server.stop,
    kill: server.kill,
  }
}

/** Null when there is none to be had; then one line has said so. */
export async function startEmbeddedRedis(home: Home, log: Log): Promise<EmbeddedServer | null> {
  const binary = findRedisBinary() ?? (await installRedis(log))
  if (binary === null) {
    const installer = findRedisInstaller()
    log(
      `Redis is missing: running without it. To have it: ${installer?.command ?? 'install redis or valkey with your package manager'}`,
    )
    return null
  }
  const server = await onFreePort(
    (port) => startRedis({ dataDir: home.room('redis'), port, appendOnly: true, binary }),
    home.readPorts().redis,
  )
  home.savePorts({ ...home.readPorts(), redis: server.port })
  return {
    name: 'Redis',
    about: `Redis on 127.0.0.1:${server.port}`,
    url: server.url,
    ended: server.ended,
    stop: server.stop,
    kill: server.kill,
  }
}
