/** docs/operations.md is where operators look settings up: each is there, with its default and in its own words, and no other is. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { settingSections } from '@latchkey/platform/config/settings'
import type { Setting } from '@latchkey/platform/config/setting'
import t from 'tap'

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/operations.md'), 'utf8')

function defaultOf({ fallback, presence }: Setting<unknown>): string {
  if (presence === 'required') return '**required**'
  if (fallback === undefined) return 'none'
  return typeof fallback === 'string' ? `\`${fallback}\`` : fallback.words
}

for (const [title, settings] of settingSections) {
  t.test(`docs/operations.md: ${title}`, async (t) => {
    const [, after = ''] = page.split(`### ${title}\n`)
    const [section = ''] = after.split(/^##/m)
    const documented = section.split('\n').filter((line) => line.startsWith('| `'))
    const declared = Object.values<Setting<unknown>>(settings).map((setting) => {
      const secret = setting.isSecret ? ' (secret)' : ''
      return `| \`${setting.env}\`${secret} | ${defaultOf(setting)} | ${setting.about} |`
    })
    t.same(documented, declared)
  })
}
