import { FileRefusal, readCsvRecords } from './csv-records.js'
import type { GivenRow } from './given-row.js'
import { rowFields } from './imported-row.js'

/**
 * Rows of CSV in UTF-8 whose first line names the columns. Empty cells are left out, `roles` are separated by spaces, `traits` are JSON.
 * @throws FileRefusal.
 */
export async function* readCsvRows(chunks: AsyncIterable<Buffer>): AsyncGenerator<GivenRow> {
  let columns: readonly string[] | null = null
  for await (const { line, cells } of readCsvRecords(chunks)) {
    if (columns === null) columns = readHeader(cells)
    else yield readRecord(line, columns, cells)
  }
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
  if (cells.length !== columns.length)
    return { line, value: null, fault: `has ${cells.length} cells where there are ${columns.length} columns` }
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
