import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BackupProblem } from './backup-problem.js'

/** A dump that is complete, `.enc` when it is encrypted. By name they are in the order of their making. */
const completeName = /^latchkey-\d{8}T\d{9}Z\.dump(?:\.enc)?$/
const ours = /^latchkey-\d{8}T\d{9}Z\.dump(?:\.enc)?(?:\.sha256|\.partial)?$/

export function backupName(at: Date, isEncrypted: boolean): string {
  return `latchkey-${at.toISOString().replaceAll(/[-:.]/g, '')}.dump${isEncrypted ? '.enc' : ''}`
}

export const partialOf = (file: string): string => `${file}.partial`
export const checksumFileOf = (file: string): string => `${file}.sha256`

/** Takes what a backup that was killed has left; nobody else writes here, because only one backup runs at a time. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder)
  const complete = new Set(names.filter((name) => completeName.test(name)))
  const leftovers = names.filter((name) => ours.test(name) && !complete.has(name.replace(/\.sha256$/, '')))
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { force: true })))
}

/** Deletes all but the newest `keep`. Called when the newest is known to be good, and never takes it. */
export async function removeOldBackups(folder: string, keep: number): Promise<void> {
  const complete = (await readdir(folder)).filter((name) => completeName.test(name)).toSorted()
  for (const name of complete.slice(0, -Math.max(1, keep))) {
    await rm(join(folder, name))
    await rm(checksumFileOf(join(folder, name)), { force: true })
  }
}

/** Gives the finished file its name. Its checksum is there before: a dump without one was never complete. */
export async function publishBackup(file: string, sha256: string): Promise<void> {
  const checksum = checksumFileOf(file)
  await writeFile(checksum, `${sha256}  ${basename(file)}\n`, { mode: 0o600, flush: true })
  await rename(partialOf(file), file)
  const folder = await open(dirname(file))
  try {
    await folder.sync() // the names, too, survive a power cut
  } finally {
    await folder.close()
  }
}

/** As `sha256sum` has it; null when there is no such file beside the backup. */
export async function readChecksum(file: string): Promise<string | null> {
  const text = await readFile(checksumFileOf(file), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const [, sha256] = /^([0-9a-f]{64}) [ *]/.exec(text) ?? []
  if (sha256 === undefined) throw new BackupProblem(`${checksumFileOf(file)} is not what sha256sum writes`)
  return sha256
}
