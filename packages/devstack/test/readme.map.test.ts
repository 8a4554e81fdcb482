// Property: whoever follows the README's map finds each room that it names, and each room is on it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const readme = readFileSync(`${root}README.md`, 'utf8')
const [, map = ''] = /## The rooms\n\n```\n([^`]*)```/.exec(readme) ?? []

/** A folder, and what opens below it on the map: its rooms are named without their path. */
const floors = [
  '',
  'packages',
  'packages/platform/src',
  'packages/devstack/src',
  'services',
  'services/auth-api/src',
  'services/auth-api/src/features',
  'services/worker/src',
  'services/worker/src/jobs',
]
const unmapped = new Set(['node_modules', 'dist', 'coverage', 'secrets'])

const roomsOn = (floor: string): string[] =>
  readdirSync(`${root}${floor}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !unmapped.has(entry.name))
    .map(({ name }) => name)

t.test('each room on the map exists', async (t) => {
  const named = Array.from(
    map.matchAll(/(?<=^|[\s,])([a-z][a-z-]*)\/(?=[\s,]|src\/|$)/gm),
    ([, name = '']) => name,
  )
  t.ok(named.length > 30)
  const rooms = new Set([...floors.flatMap(roomsOn), 'http'])
  t.same(
    named.filter((name) => !rooms.has(name)),
    [],
  )
  for (const [, file = ''] of map.matchAll(/\b([a-z-]+\.ts)\b/g)) {
    t.ok(
      floors.some((floor) => existsSync(`${root}${floor}/${file}`)),
      file,
    )
  }
})

t.test('each room is on the map', async (t) => {
  for (const floor of floors) {
    for (const room of roomsOn(floor)) t.match(map, new RegExp(`(^|[\\s,])${room}/`, 'm'), `${floor}/${room}`)
  }
})

t.test('each npm script that the README calls exists', async (t) => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    scripts: Record<string, string>
  }
  const called = Array.from(
    readme.matchAll(/npm (?:run )?(start|test|run [a-z:-]+|[a-z]+:[a-z]+|migrate|build|bench)\b/g),
    ([, name = '']) => name.replace(/^run /, ''),
  )
  t.ok(called.length >= 6)
  t.same(
    called.filter((name) => !(name in scripts)),
    [],
  )
})
