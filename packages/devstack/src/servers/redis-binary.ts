import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'

const names = ['redis-server', 'valkey-server']

/** Beyond PATH: sudo and some services shorten it. */
const usualFolders = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']

export function findRedisBinary(
  folders: readonly string[] = [...(process.env.PATH ?? '').split(':'), ...usualFolders],
): string | null {
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return candidates.find(isExecutable) ?? null
}

export interface RedisInstaller {
  /** The command as one would type it. */
  command: string
  /** Null when we may not run it, as an ordinary user on Linux. */
  steps: readonly (readonly string[])[] | null
}

/** How this machine gets a Redis; null when nothing here is known to have one. */
export function findRedisInstaller(): RedisInstaller | null {
  if (process.platform === 'darwin') {
    return hasCommand('brew')
      ? { command: 'brew install redis', steps: [['brew', 'install', 'redis']] }
      : null
  }
  if (!existsSync('/usr/bin/apt-get')) return null
  const isRoot = process.getuid?.() === 0
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', 'redis-server']
  return {
    command: `${isRoot ? '' : 'sudo '}apt-get install redis-server`,
    steps: isRoot ? [['apt-get', 'update'], install] : null,
  }
}

/** Installs the system's package and returns its binary. `log` is told what is about to happen before it does. */
export async function installRedis(
  log: (line: string) => void,
  installer: RedisInstaller | null = findRedisInstaller(),
): Promise<string | null> {
  if (installer === null || installer.steps === null) return null
  log(`Redis is missing: installing the system's package with ${installer.command}`)
  for (const [command = '', ...args] of installer.steps) {
    const step = spawn(command, args, {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    // Its lists may be stale yet good enough: only the outcome counts.
    await once(step, 'exit').catch(() => undefined)
  }
  return findRedisBinary()
}

function hasCommand(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
