// Refresh tokens, JWTs, bearer values and passwords inside URLs, by their shape. The last net under the names of fields:
// it also holds what a driver or a person writes into a message.
const secretShapes =
  /\blk1\.[\w-]{8,}|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|\bbearer +[\w.~+/=-]+|(?<=:\/\/[^\s/@:"]*:)[^\s/@"]+(?=@)/gi

/** A finished log line with everything that looks like a secret taken out. */
export function scrubLine(line: string): string {
  return line.replace(secretShapes, '[redacted]')
}
