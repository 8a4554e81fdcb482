import { parse, type CsvError, type Info } from 'csv-parse'
import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { maxRowBytes, type GivenRow } from './given-row.js'
import { rowFields } from './imported-row.js'

/** The file as a whole cannot be read. */
export class FileRefusal extends Error {}

interface Parsed {
  readonly record: readonly string[]
  readonly info: Info
}

/**
 * RFC 4180, in UTF-8, with a first line that names the columns. Empty cells are left out. `roles` are separated by spaces, `traits` are
 * JSON. @throws FileRefusal.
 */
export async function* readCsvRows(file: Readable): AsyncGenerator<GivenRow> {
  const skipped: GivenRow[] = []
  const parser = parse({
    bom: true,
    info: true,
    max_record_size: maxRowBytes,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error: CsvError | undefined) => {
      skipped.push({ line: lineOf(error), value: null, fault: describe(error) })
      return undefined
    },
  })
  // A file that cannot be read ends the parser with its error, which the loop throws.
  pipeline(file, parser, () => undefined)
  let columns: readonly string[] | null = null
  const records: AsyncIterable<Parsed> = parser
  for await (const { record, info } of records) {
    yield* skipped.splice(0)
    if (columns === null) columns = readHeader(record)
    else yield readRecord(info.lines, columns, record)
  }
  yield* skipped
  if (columns === null) throw new FileRefusal('the file has no line that names the columns')
}

function readHeader(names: readonly string[]): readonly string[] {
  const unknown = names.filter((name) => !rowFields.includes(name))
  if (unknown.length > 0)
    throw new FileRefusal(`the columns ${unknown.join(', ')} are not among ${rowFields.join(', ')}`)
  if (new Set(names).size < names.length) throw new FileRefusal('a column is named twice')
  return names
}

function readRecord(line: number, columns: readonly string[], cells: readonly string[]): GivenRow {
  if (cells.some((cell) => cell.includes('\ufffd'))) return { line, value: null, fault: 'is not UTF-8' }
  const entries = columns.map((name, index) => [name, cells[index] ?? ''] as const)
  const value = Object.fromEntries(
    entries.filter(([, cell]) => cell !== '').map(([name, cell]) => [name, readCell(name, cell)]),
  )
  return { line, value, fault: null }
}

/** What cannot be read stays text, which the check of the row refuses by the name of its field. */
function readCell(name: string, cell: string): unknown {
  if (name === 'roles') return cell.split(/ +/)
  if (name === 'emailVerified' || name === 'disabled')
    return cell === 'true' || (cell === 'false' ? false : cell)
  if (name !== 'traits') return cell
  try {
    return JSON.parse(cell)
  } catch {
    return cell
  }
}

function lineOf(error: CsvError | undefined): number {
  const line: unknown = error?.['lines']
  return typeof line === 'number' ? line : 0
}

function describe(error: CsvError | undefined): string {
  return error?.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH'
    ? 'has not as many cells as there are columns'
    : 'is not CSV'
}
