import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { BackupProblem } from './backup-problem.js'

/*
 * An encrypted backup: this header, a salt, then the dump in chunks, each sealed with AES-256-GCM. It is the STREAM construction (Hoang,
 * Reyhanitabar, Rogaway, Vizár 2015) that age uses too: the nonce is the chunk's number and whether it is the last one, so that no chunk
 * can be changed, moved, left out, put in or cut off unnoticed, and none is handed on before it is proven. The key is the file's own, by
 * its salt, so that no nonce is ever used twice under one key.
 */
const header = Buffer.from('latchkey-backup/1\n')
const saltBytes = 32
const tagBytes = 16
const chunkBytes = 65_536
const sealedChunkBytes = chunkBytes + tagBytes

type Bytes = AsyncIterable<Buffer>

/** How many bytes at the beginning of a file tell whether it is encrypted. */
export const headerBytes = header.length

export function isSealed(beginning: Buffer): boolean {
  return beginning.subarray(0, headerBytes).equals(header)
}

export async function* seal(plain: Bytes, secret: string): AsyncGenerator<Buffer> {
  const salt = randomBytes(saltBytes)
  const key = fileKey(secret, salt)
  yield Buffer.concat([header, salt])
  for await (const { chunk, number, isLast } of inChunks(plain, chunkBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast), { authTagLength: tagBytes })
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
  }
}

/** What was sealed, chunk by proven chunk. Throws `BackupProblem` at the first that is not as it was. */
export async function* open(sealed: Bytes, secret: string): AsyncGenerator<Buffer> {
  const { beginning, rest } = await takeBeginning(sealed, headerBytes + saltBytes)
  if (!isSealed(beginning) || beginning.length < headerBytes + saltBytes)
    throw new BackupProblem('this is not a backup that was encrypted')
  const key = fileKey(secret, beginning.subarray(headerBytes))
  for await (const { chunk, number, isLast } of inChunks(rest, sealedChunkBytes)) {
    yield openChunk(chunk, key, nonceOf(number, isLast), number)
  }
}

function openChunk(chunk: Buffer, key: Buffer, nonce: Buffer, number: number): Buffer {
  try {
    const end = chunk.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAuthTag(chunk.subarray(Math.max(0, end)))
    return Buffer.concat([decipher.update(chunk.subarray(0, Math.max(0, end))), decipher.final()])
  } catch (error) {
    throw new BackupProblem(
      number === 0
        ? 'the backup cannot be opened: BACKUP_ENCRYPTION_KEY is another one, or the file was changed'
        : `the backup was changed or cut off (at ${Math.round((number * sealedChunkBytes) / 1024)} KiB)`,
      { cause: error },
    )
  }
}

/** HKDF-SHA-256 (RFC 5869): the secret is uniform or at least long. */
function fileKey(secret: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, 'latchkey/backup/v1', 32))
}

/** 88 bits of number and one byte that is 1 for the last chunk. */
function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 5, 6)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

interface Chunk {
  readonly chunk: Buffer
  readonly number: number
  readonly isLast: boolean
}

/** Full ones and a last one, which is empty only when there is nothing at all. */
async function* inChunks(bytes: Bytes, size: number): AsyncGenerator<Chunk> {
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 0
  for await (const part of bytes) {
    held.push(part)
    heldBytes += part.length
    if (heldBytes <= size) continue
    let joined = Buffer.concat(held)
    for (; joined.length > size; number += 1) {
      yield { chunk: joined.subarray(0, size), number, isLast: false }
      joined = joined.subarray(size)
    }
    held = [joined]
    heldBytes = joined.length
  }
  yield { chunk: Buffer.concat(held), number, isLast: true }
}

async function takeBeginning(bytes: Bytes, length: number): Promise<{ beginning: Buffer; rest: Bytes }> {
  const iterator = bytes[Symbol.asyncIterator]()
  let taken = Buffer.alloc(0)
  while (taken.length < length) {
    const next = await iterator.next()
    if (next.done === true) break
    taken = Buffer.concat([taken, next.value])
  }
  async function* rest(): AsyncGenerator<Buffer> {
    if (taken.length > length) yield taken.subarray(length)
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return { beginning: taken.subarray(0, length), rest: rest() }
}
