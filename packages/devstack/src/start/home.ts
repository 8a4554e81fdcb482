import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { takeFolderLock, type FolderLock } from '../folder-lock.js'
import { stopForgotten } from '../servers/process-memory.js'
import { StartError } from '../start-error.js'

export type Room = 'postgres' | 'redis' | 'auth-api' | 'worker'

/** What an embedded start keeps between runs. Only its owner can look inside. */
export interface Home {
  readonly folder: string
  /** A folder in it, for one of the processes. */
  room: (name: Room) => string
  /** Empties what earlier starts have stored. The secrets stay: they belong to the installation, not to its data. */
  emptyData: () => void
  /** Made once, random, and the same ever after. */
  secret: (name: 'auth-secret' | 'database-password') => string
  /** Ports are kept, so that what a person has noted down stays true. */
  readPorts: () => Partial<Record<'postgres' | 'redis', number>>
  savePorts: (ports: Partial<Record<'postgres' | 'redis', number>>) => void
  /** Lets a shell reach the same databases: `. .latchkey/env`. */
  saveEnvironment: (env: Readonly<Record<string, string>>) => void
  release: () => void
}

/**
 * Stops what a start that was killed has left running here. The services have no time to lose: what they stand on may have ended before
 * them, and they are made to be killed at any moment.
 */
export async function stopLeftovers({ room }: Home): Promise<void> {
  await Promise.all([stopForgotten(room('auth-api'), 'SIGKILL'), stopForgotten(room('worker'), 'SIGKILL')])
  await Promise.all([stopForgotten(room('redis'), 'SIGTERM'), stopForgotten(room('postgres'), 'SIGINT')])
}

/** Opens `.latchkey` in `parent` for this process alone; two on one folder would fight over the data. */
export function openHome(parent: string): Home {
  const folder = join(parent, '.latchkey')
  const lock = lockFolder(folder)
  const ports = join(folder, 'ports.json')
  return {
    folder,
    room: (name) => join(folder, name),
    emptyData() {
      for (const name of ['postgres', 'redis', 'mail'])
        rmSync(join(folder, name), { recursive: true, force: true })
    },
    secret(name) {
      const file = join(folder, name)
      if (!existsSync(file)) save(file, randomBytes(48).toString('base64url'))
      return readFileSync(file, 'utf8')
    },
    readPorts: () => (existsSync(ports) ? parsePorts(readFileSync(ports, 'utf8')) : {}),
    savePorts: (chosen) => save(ports, JSON.stringify(chosen)),
    saveEnvironment(env) {
      const lines = Object.entries(env).map(
        ([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`,
      )
      save(join(folder, 'env'), lines.join(''))
    },
    release: () => lock.release(),
  }
}

function lockFolder(folder: string): FolderLock {
  let lock: ReturnType<typeof takeFolderLock>
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    lock = takeFolderLock(join(folder, 'start.lock'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new StartError(`${folder} cannot be written to (${code}): run this as its owner, or remove it`, {
      cause: error,
    })
  }
  if ('release' in lock) return lock
  throw new StartError(
    `npm start runs in this folder already: stop it there with Ctrl-C, or with: kill ${lock.pid}`,
  )
}

/** Whole or not at all, whenever the process is killed, and for its owner only. */
function save(file: string, content: string): void {
  const draft = `${file}.draft`
  rmSync(draft, { force: true })
  writeFileSync(draft, content, { mode: 0o600 })
  renameSync(draft, file)
}

function parsePorts(text: string): Partial<Record<'postgres' | 'redis', number>> {
  try {
    const value: unknown = JSON.parse(text)
    const entries = Object.entries(typeof value === 'object' && value !== null ? value : {})
    return Object.fromEntries(entries.filter(([, port]) => typeof port === 'number'))
  } catch {
    return {}
  }
}
