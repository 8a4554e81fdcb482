import { maxRowBytes } from './given-row.js'

/** The file as a whole cannot be read. */
export class FileRefusal extends Error {}

export interface CsvRecord {
  /** Where it begins. */
  readonly line: number
  readonly cells: readonly string[]
}

interface Taken {
  readonly cells: readonly string[]
  readonly end: number
}

const lineFeeds = /\n/g

/**
 * RFC 4180, strictly: a quote is at the edges of a cell or doubled. A stray one ends the reading, because what is behind it may be rows
 * or a part of a cell, and nobody knows which. Lines may end with LF alone, and empty ones are none. @throws FileRefusal.
 */
export async function* readCsvRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<CsvRecord> {
  const decoder = new TextDecoder() // drops a byte order mark
  let text = ''
  let line = 1

  function* takeAll(isLast: boolean): Generator<CsvRecord> {
    let start = 0
    while (start < text.length) {
      const taken = takeRecord(text, start, { isLast, line })
      if (taken === null) break
      const { cells, end } = taken
      if (cells.length > 1 || cells[0] !== '') yield { line, cells }
      line += text.slice(start, end).match(lineFeeds)?.length ?? 0
      start = end
    }
    text = text.slice(start)
    if (text.length > maxRowBytes)
      throw new FileRefusal(`line ${line} begins a row of more than ${maxRowBytes} bytes`)
  }

  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true })
    yield* takeAll(false)
  }
  text += decoder.decode()
  yield* takeAll(true)
}

/** Null when its end is still to come. */
function takeRecord(
  text: string,
  start: number,
  { isLast, line }: { isLast: boolean; line: number },
): Taken | null {
  const cells: string[] = []
  for (let from = start; ;) {
    const isQuoted = text[from] === '"'
    const end = isQuoted ? endOfQuoted(text, from) : endOfPlain(text, from)
    // The character behind decides, too: a second quote, or the LF of CR LF.
    if (!isLast && (end < 0 || end + 1 >= text.length)) return null
    if (end < 0) throw new FileRefusal(`line ${line} begins a cell whose quote is never closed`)
    cells.push(isQuoted ? text.slice(from + 1, end - 1).replaceAll('""', '"') : text.slice(from, end))
    const next = text[end]
    if (next === undefined) return { cells, end }
    if (next === '\n') return { cells, end: end + 1 }
    if (next === '\r' && text[end + 1] === '\n') return { cells, end: end + 2 }
    if (next !== ',') throw new FileRefusal(`line ${line} begins a row with a stray quote or CR`)
    from = end + 1
  }
}

/** Behind the closing quote; -1 when there is none. */
function endOfQuoted(text: string, from: number): number {
  let close = text.indexOf('"', from + 1)
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  return close < 0 ? -1 : close + 1
}

const plainEnd = /[",\r\n]/g

function endOfPlain(text: string, from: number): number {
  plainEnd.lastIndex = from
  return plainEnd.exec(text)?.index ?? text.length
}
