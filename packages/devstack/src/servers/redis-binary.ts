import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export function findRedisBinary(): string | null {
  return findOnPath('redis-server') ?? findOnPath('valkey-server')
}

export interface RedisInstaller {
  /** The command as one would type it. */
  command: string
  /** Null when we may not run it: an ordinary user on Linux. */
  steps: readonly (readonly [command: string, ...args: string[]])[] | null
}

/** How this machine gets a Redis; null when we know no way. */
export function findRedisInstaller(isRoot = process.getuid?.() === 0): RedisInstaller | null {
  if (process.platform === 'darwin') {
    return findOnPath('brew') === null
      ? null
      : { command: 'brew install redis', steps: [['brew', 'install', 'redis']] }
  }
  if (findOnPath('apt-get') === null) return null
  if (!isRoot) return { command: 'sudo apt-get install redis-server', steps: null }
  return {
    command: 'apt-get install redis-server',
    steps: [
      ['apt-get', 'update'],
      ['apt-get', 'install', '--yes', '--no-install-recommends', 'redis-server'],
    ],
  }
}

/** Installs the system's package and returns its binary, or null. `log` is told what is about to happen before it does. */
export async function installRedis(
  log: (line: string) => void,
  installer = findRedisInstaller(),
): Promise<string | null> {
  if (installer === null || installer.steps === null) return null
  log(`Redis is missing: installing it with ${installer.command}, which takes up to a minute`)
  for (const [command, ...args] of installer.steps) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const step = spawn(command, args, { stdio: 'ignore', env })
    // A list that could not be renewed may still do: only the outcome counts.
    await once(step, 'exit').catch(() => undefined)
  }
  return findRedisBinary()
}

function findOnPath(name: string): string | null {
  const candidates = (process.env.PATH ?? '').split(':').map((folder) => join(folder, name))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
