import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** Where every line and branch is tested: the protocol and the cryptography. The floors of everything else stand in .taprc. */
const covered = ['packages/platform/src/crypto/', 'services/auth-api/src/features/sessions/']

/** One line for each file in `covered` that the tests of a whole run left partly unvisited. */
export function readUncovered(root: string): string[] {
  const file = join(root, '.tap/report/coverage-summary.json')
  if (!existsSync(file)) return []
  const summary: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return Object.entries(isRecord(summary) ? summary : {})
    .map(([path, coverage]) => ({
      path: relative(root, path),
      lines: percentOf(coverage, 'lines'),
      branches: percentOf(coverage, 'branches'),
    }))
    .filter(({ path }) => covered.some((folder) => path.startsWith(folder)))
    .filter(({ lines, branches }) => lines < 100 || branches < 100)
    .map(
      ({ path, lines, branches }) =>
        `${path}: ${lines} % of lines and ${branches} % of branches tested; the floor there is 100 %`,
    )
}

function percentOf(coverage: unknown, kind: 'lines' | 'branches'): number {
  const counts = isRecord(coverage) ? coverage[kind] : undefined
  return isRecord(counts) && typeof counts['pct'] === 'number' ? counts['pct'] : 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
