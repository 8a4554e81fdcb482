/** A setting that compose does not hand on is a setting that an operator sets in vain. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { settings } from '@latchkey/platform/config/settings'
import type { Setting } from '@latchkey/platform/config/setting'
import t from 'tap'
import { nodeFlags } from '@latchkey/devstack/node-flags'

const readRoot = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, '../../..', name), 'utf8')
const compose = readRoot('docker-compose.yml')
const withBackups = compose + readRoot('deploy/compose.backup.yml')

// Settled by the containers themselves: by the image, by the networks, and by the PostgreSQL that comes along.
const fixed = new Set([
  'NODE_ENV',
  'HOST',
  'PORT',
  'WORKER_PORT',
  'LOG_PRETTY',
  'REDIS_KEY_PREFIX',
  'DATABASE_URL_TRANSACTION',
  'MAIL_FOLDER',
  'BACKUP_PROGRAMS',
])

t.test('docker-compose.yml hands on every setting that is not fixed in a container', async (t) => {
  for (const { env } of Object.values<Setting<unknown>>(settings)) {
    if (!fixed.has(env)) t.match(withBackups, new RegExp(`^ +${env}(_FILE)?:`, 'm'), env)
  }
})

t.test('nothing that is scaled has a name or a host port of its own', async (t) => {
  t.notMatch(compose, /container_name/)
  for (const service of ['api', 'worker', 'migrate', 'postgres', 'redis']) {
    const [, body = ''] = compose.split(new RegExp(`^  ${service}:$`, 'm'))
    t.notMatch(body.split(/^ {2}\w/m)[0], /^ +ports:/m, service)
  }
})

t.test('every container runs without capabilities, on a file system that it cannot write', async (t) => {
  const services = compose.slice(compose.indexOf('\nservices:'), compose.indexOf('\nnetworks:'))
  const names = [...services.matchAll(/^ {2}(\w+):$/gm)].map(([, name = '']) => name)
  t.strictSame(names, ['proxy', 'api', 'worker', 'migrate', 'postgres', 'redis', 'prometheus', 'mailpit'])
  for (const name of names) t.match(services, new RegExp(`^ {2}${name}:\n {4}<<: \\*hardened$`, 'm'), name)
  t.match(compose, /&hardened\n(?:.+\n)*? {2}read_only: true\n {2}cap_drop: \[ALL\]\n/)
  t.notMatch(compose, /privileged|cap_add|network_mode|pid: host/)
})

t.test('services are started with the same flags wherever they are started', async (t) => {
  const dockerfile = readRoot('Dockerfile')
  const { scripts } = JSON.parse(readRoot('package.json')) as { scripts: Record<string, string> }
  const flags = nodeFlags.join(' ')
  for (const program of ['services/auth-api/dist/server.js', 'services/worker/dist/main.js']) {
    t.ok(
      dockerfile.includes(`CMD ${JSON.stringify(['node', ...nodeFlags, program]).replaceAll(',', ', ')}`),
      program,
    )
    t.ok(Object.values(scripts).includes(`exec node ${flags} ${program}`), program)
  }
})
