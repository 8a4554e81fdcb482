/** A code that clients branch on and cannot look up, or look up and find wrong, is a breach of the contract. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { problems } from '@latchkey/contracts/errors'
import { oauthErrors } from '@latchkey/contracts/oauth-errors'
import t from 'tap'

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/errors.md'), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \| (.+) \| (.+) \|$/gm)]

t.test('docs/errors.md has each code once, with its status', async (t) => {
  const documented = rows.map(([, code = '', status]) => [code, Number(status)] as const)
  const declared = Object.entries(problems).map(([code, { status }]) => [code, status] as const)
  const byCode = ([a]: readonly [string, number], [b]: readonly [string, number]) => a.localeCompare(b)
  t.same(documented.toSorted(byCode), declared.toSorted(byCode))
})

t.test('docs/errors.md has each error of OAuth once', async (t) => {
  const [, section = ''] = /## Under \/oauth2([\s\S]+?)\n## /.exec(page) ?? []
  const documented = [...section.matchAll(/^\| `(\w+)` \| .{10,} \| .{5,} \|$/gm)].map(
    ([, code = '']) => code,
  )
  t.same(documented.toSorted(), Object.keys(oauthErrors).toSorted())
})

t.test('each row says what it means and what to do', async (t) => {
  for (const [row, , , meaning = '', action = ''] of rows) t.ok(meaning.length > 10 && action.length > 5, row)
})

t.test('the example is a problem as it is answered', async (t) => {
  const [, json = ''] = /```json\n([\s\S]+?)```/.exec(page) ?? []
  const example = JSON.parse(json) as Record<string, unknown>
  const { status, title } = problems.refresh_token_reused
  t.match(example, { code: 'refresh_token_reused', status, title })
})
