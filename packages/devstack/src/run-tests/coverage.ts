import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Report } from 'c8'

const kinds = ['lines', 'statements', 'functions', 'branches'] as const
type Kind = (typeof kinds)[number]
type Summary = Readonly<Record<string, Readonly<Record<Kind, { pct: number }>>>>

/** In percent, of everything. */
const floors: Readonly<Record<Kind, number>> = { lines: 90, statements: 90, functions: 85, branches: 85 }
/** Where every line and branch is tested: the protocol, the second factor and the cryptography. */
const wholly = [
  'packages/platform/src/crypto/',
  'services/auth-api/src/features/mfa/',
  'services/auth-api/src/features/sessions/',
]

/** What makes a process of ours, and what it starts, measure itself into `folder`. */
export function measuredEnv(folder: string): Record<string, string> {
  const preload = pathToFileURL(join(import.meta.dirname, 'measure-coverage.js')).href
  return { LATCHKEY_COVERAGE_FOLDER: folder, NODE_OPTIONS: `--import=${preload}` }
}

/** Writes the report of what was measured in `folder` to coverage/, and returns a line for each floor that it is under. */
export async function reportCoverage(root: string, folder: string): Promise<string[]> {
  const reportsDirectory = join(root, 'coverage')
  const report = new Report({
    include: ['packages/*/dist/**', 'services/*/dist/**'],
    exclude: [],
    reporter: ['text-summary', 'json-summary', 'html'],
    reportsDirectory,
    tempDirectory: folder,
    resolve: root,
  })
  await report.run()
  const summary = readFileSync(join(reportsDirectory, 'coverage-summary.json'), 'utf8')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- c8 has just written it
  return readUncovered(root, JSON.parse(summary) as Summary)
}

/** One line for each floor that `summary` is under. */
export function readUncovered(root: string, { total, ...files }: Summary): string[] {
  const low = kinds
    .map((kind) => ({ kind, floor: floors[kind], measured: total?.[kind].pct ?? 0 }))
    .filter(({ floor, measured }) => measured < floor)
    .map(({ kind, floor, measured }) => `${measured} % of ${kind} tested; the floor is ${floor} %`)
  const lowFiles = Object.entries(files)
    .map(([path, { lines, branches }]) => ({
      path: relative(root, path),
      lines: lines.pct,
      branches: branches.pct,
    }))
    .filter(({ path }) => wholly.some((folder) => path.startsWith(folder)))
    .filter(({ lines, branches }) => lines < 100 || branches < 100)
    .map(
      ({ path, lines, branches }) =>
        `${path}: ${lines} % of lines and ${branches} % of branches tested; the floor there is 100 %`,
    )
  return [...low, ...lowFiles]
}
