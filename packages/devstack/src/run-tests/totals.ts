import { existsSync, readFileSync } from 'node:fs'

export interface Totals {
  passed: number
  failed: number
}

/** The assertions that tap counted, from the last line of its output; a run that did not get there has failed. */
export function readTotals(file: string): Totals {
  const output = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const [, counts = ''] = /^# \{ (total: .*) \}$/m.exec(output) ?? []
  const count = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(counts)?.[1] ?? 0)
  return counts === '' ? { passed: 0, failed: 1 } : { passed: count('pass'), failed: count('fail') }
}
