export interface ReadMail {
  readonly source: string
  /** Unfolded and decoded, by lower-case name; as many as there are. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly text: string
  readonly html: string
}

/** What a mail program sees of a mail like ours: one text and one HTML part. */
export function readMail(source: string): ReadMail {
  const [head, body] = split(source)
  const headers = readHeaders(head)
  const [, boundary = ''] = /boundary="([^"]+)"/.exec(headers.get('content-type')?.[0] ?? '') ?? []
  const parts = body.split(`--${boundary}`).slice(1, -1)
  return { source, headers, text: partOf(parts, 'text/plain'), html: partOf(parts, 'text/html') }
}

function partOf(parts: readonly string[], type: string): string {
  for (const part of parts) {
    const [head, body] = split(part.replace(/^\r?\n/, ''))
    const headers = readHeaders(head)
    if (!headers.get('content-type')?.[0]?.startsWith(type)) continue
    const encoding = headers.get('content-transfer-encoding')?.[0]
    if (encoding === 'base64') return Buffer.from(body, 'base64').toString()
    return encoding === 'quoted-printable' ? decodeQuoted(body.replaceAll(/=\r?\n/g, '')) : body
  }
  return ''
}

function split(text: string): [string, string] {
  const [head = '', ...rest] = text.split(/\r?\n\r?\n/)
  return [head, rest.join('\n\n')]
}

function readHeaders(head: string): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  for (const line of head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? []
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), decodeWords(value)])
  }
  return headers
}

/** RFC 2047. */
function decodeWords(value: string): string {
  return value
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, encoding: string, word: string) =>
      encoding.toLowerCase() === 'b'
        ? Buffer.from(word, 'base64').toString()
        : decodeQuoted(word.replaceAll('_', ' ')),
    )
}

function decodeQuoted(text: string): string {
  const bytes = text.replaceAll(/=([\dA-F]{2})/gi, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString()
}
