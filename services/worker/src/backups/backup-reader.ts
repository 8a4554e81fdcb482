import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open as openFile, stat } from 'node:fs/promises'
import { BackupProblem } from './backup-problem.js'
import { readChecksum } from './backup-files.js'
import { headerBytes, isSealed, open } from './sealed-stream.js'

export interface ReadOptions {
  readonly encryptionKey: string | null
  readonly signal: AbortSignal
  /** The share of the file that was read, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** The dump in a backup, decrypted where it has to be. Throws `BackupProblem` where the file is not as it was written. */
export async function* readBackup(
  file: string,
  options: ReadOptions,
  onStored: (part: Buffer) => void = () => undefined,
): AsyncGenerator<Buffer> {
  const { encryptionKey, signal, onProgress } = options
  const { size } = await stat(file)
  const isEncrypted = isSealed(await readBeginning(file))
  if (isEncrypted && encryptionKey === null)
    throw new BackupProblem('the backup is encrypted: BACKUP_ENCRYPTION_KEY is required')
  let bytes = 0
  const stored = readStored(file, signal, (part) => {
    onStored(part)
    bytes += part.length
    onProgress?.(bytes / size)
  })
  yield* isEncrypted && encryptionKey !== null ? open(stored, encryptionKey) : stored
}

/** Reads a whole backup and keeps nothing of it: its checksum, where it has one, and the proof of every chunk. */
export async function verifyBackup(file: string, options: ReadOptions): Promise<{ hasChecksum: boolean }> {
  const expected = await readChecksum(file)
  const hash = createHash('sha256')
  try {
    for await (const part of readBackup(file, options, (stored) => hash.update(stored))) void part
  } catch (error) {
    if (isMissing(error)) throw new BackupProblem(`there is no file ${file}`, { cause: error })
    throw error
  }
  if (expected !== null && hash.digest('hex') !== expected)
    throw new BackupProblem('the backup is not what its checksum says: it was changed or cut off')
  return { hasChecksum: expected !== null }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

async function* readStored(
  file: string,
  signal: AbortSignal,
  onPart: (part: Buffer) => void,
): AsyncGenerator<Buffer> {
  for await (const part of createReadStream(file, { signal, highWaterMark: 262_144 })) {
    if (!Buffer.isBuffer(part)) continue
    onPart(part)
    yield part
  }
}

async function readBeginning(file: string): Promise<Buffer> {
  const handle = await openFile(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headerBytes), 0, headerBytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
