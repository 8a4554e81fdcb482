import { open } from 'node:fs/promises'
import type { AnchorLine } from '@latchkey/platform/audit-chain/anchor-line'

/** One line more, on the disk before it returns. Append-only, so that a file system that allows no more (chattr +a) does. */
export async function appendAnchor(path: string, anchor: AnchorLine): Promise<void> {
  const file = await open(path, 'a', 0o640)
  try {
    await file.appendFile(`${JSON.stringify(anchor)}\n`, 'utf8')
    await file.datasync()
  } finally {
    await file.close()
  }
}
