import { maxRowBytes, type GivenRow } from './given-row.js'

const lineFeed = 0x0a
const decoder = new TextDecoder('utf-8', { fatal: true })

/** One JSON value a line, however the bytes are cut; empty lines are none. A line that is too long is skipped without being kept. */
export async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<GivenRow> {
  let line = 0
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      line += 1
      rest.push(chunk.subarray(start, end))
      const row = readRow(line, rest, restBytes + end - start)
      if (row !== null) yield row
      rest = []
      restBytes = 0
      start = end + 1
    }
    restBytes += chunk.length - start
    if (restBytes <= maxRowBytes) rest.push(chunk.subarray(start))
    else rest = []
  }
  const last = readRow(line + 1, rest, restBytes)
  if (last !== null) yield last
}

function readRow(line: number, parts: readonly Buffer[], bytes: number): GivenRow | null {
  if (bytes > maxRowBytes) return { line, value: null, fault: `has more than ${maxRowBytes} bytes` }
  let text: string
  try {
    // The decoder drops a byte order mark.
    text = decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts)).trim()
  } catch {
    return { line, value: null, fault: 'is not UTF-8' }
  }
  if (text === '') return null
  try {
    return { line, value: JSON.parse(text), fault: null }
  } catch {
    return { line, value: text, fault: 'is not JSON' }
  }
}
