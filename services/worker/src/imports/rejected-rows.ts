import { createWriteStream, type WriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type { FieldError } from '@latchkey/contracts/errors'

export interface RejectedRow {
  readonly line: number
  readonly errors: readonly FieldError[]
  /** As it was read; null when it could not be. */
  readonly row: unknown
}

export interface RejectedRows {
  write(rejected: RejectedRow): Promise<void>
  close(): Promise<void>
}

/** JSON lines in a file that nobody else may read: rows hold hashes. There is no file when there is no row. */
export async function openRejectedRows(path: string): Promise<RejectedRows> {
  await rm(path, { force: true })
  let stream: WriteStream | null = null
  return {
    async write(rejected) {
      stream ??= createWriteStream(path, { mode: 0o600, flags: 'wx' })
      if (!stream.write(`${JSON.stringify(rejected)}\n`)) await once(stream, 'drain')
    },
    async close() {
      if (stream === null) return
      stream.end()
      await finished(stream)
    },
  }
}
