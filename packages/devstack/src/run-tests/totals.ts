/** Assertions, as tap counted them. */
export interface Totals {
  passed: number
  failed: number
}

/** From the last line but one of what a test file wrote; null for one that did not get there. */
export function countAssertions(output: string): Totals | null {
  const [, counts] = /^# \{ (total: .*) \}$/m.exec(output) ?? []
  if (counts === undefined) return null
  const count = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(counts)?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail') }
}

/** What failed, each with what tap found. */
export function readFailures(output: string): string[] {
  return output.match(/^ *not ok .*(?:\n +---\n[^]*?\n +\.\.\.$)?/gm) ?? []
}
