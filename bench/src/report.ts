import type { Figures } from './measure.js'

export interface Row extends Partial<Figures> {
  work: string
  who: string
  statements?: number
  note?: string
}

const columns: readonly [title: string, cell: (row: Row) => string][] = [
  ['work', ({ work }) => work],
  ['who', ({ who }) => who],
  ['req/s', ({ requestsPerSecond }) => format(requestsPerSecond, 0)],
  ['p50 ms', ({ p50Ms }) => format(p50Ms, 2)],
  ['p99 ms', ({ p99Ms }) => format(p99Ms, 2)],
  ['server CPU µs', ({ serverCpuUs }) => formatMicroseconds(serverCpuUs)],
  ['PostgreSQL CPU µs', ({ postgresCpuUs }) => formatMicroseconds(postgresCpuUs)],
  ['SQL', ({ statements }) => format(statements, 2).replace(/\.00$/, '')],
  ['', ({ note }) => note ?? ''],
]

/** A table in Markdown. */
export function renderTable(rows: readonly Row[]): string {
  const lines = [
    columns.map(([title]) => title),
    columns.map(() => '---'),
    ...rows.map((row) => columns.map(([, cell]) => cell(row))),
  ]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** How many times the floor: of the processor, and of the wait. */
export function ratioNote(row: Figures, floor: Figures): string {
  const times = (name: keyof Figures) => `${(row[name] / floor[name]).toFixed(2)}×`
  return `${times('serverCpuUs')} the floor's CPU, ${times('p99Ms')} its p99`
}

function formatMicroseconds(value: number | undefined): string {
  return format(value, value !== undefined && value < 10 ? 1 : 0)
}

function format(value: number | undefined, digits: number): string {
  if (value === undefined) return ''
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
