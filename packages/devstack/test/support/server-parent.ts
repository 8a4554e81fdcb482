/** Starts both servers in the given folder, tells their pids, and waits to be killed. */
import { join } from 'node:path'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { startPostgres } from '@latchkey/devstack/servers/postgres'
import { startRedis } from '@latchkey/devstack/servers/redis'

const [folder = ''] = process.argv.slice(2)
const servers = await Promise.all([
  onFreePort((port) =>
    startPostgres({ dataDir: join(folder, 'postgres'), port, settings: { fsync: 'off' } }),
  ),
  onFreePort((port) => startRedis({ dataDir: join(folder, 'redis'), port, appendOnly: false })),
])
console.log(servers.map(({ pid }) => pid).join(' '))
