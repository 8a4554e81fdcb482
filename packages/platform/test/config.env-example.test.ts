// A newcomer copies .env.example: it must say what the code does.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { renderEnvExample } from '@latchkey/platform/config/env-example'
import { settings } from '@latchkey/platform/config/settings'
import { leastEnv, load } from './support/config-problems.js'

const file = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8')

t.test('.env.example is what the table of settings says', async (t) => {
  t.equal(file, renderEnvExample(), 'write it anew: node packages/platform/dist/config/write-env-example.js')
})

t.test('its defaults, given explicitly, make the same configuration', async (t) => {
  const given: Record<string, string> = {}
  for (const [, name = '', value = ''] of file.matchAll(/^# ([A-Z][A-Z0-9_]*)=(.+)$/gm)) given[name] = value
  t.ok(Object.keys(given).length > 20)
  t.same(load({ ...given, ...leastEnv }), load())
})

t.test('a setting is called in code as in the environment, with its unit', async (t) => {
  for (const [name, { env }] of Object.entries(settings)) {
    const camelCase = env.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    t.ok(camelCase === name || `${camelCase}Seconds` === name, `${env} is ${name}`)
  }
})

t.test('every setting says in a sentence what it is', async (t) => {
  for (const { env, about } of Object.values(settings)) t.match(about, /^.{12,160}[.]$/, env)
})
