import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'

/** A pid is reused after its process ended, and first of all after a reboot; a pid with its start time is not. */
export interface ProcessIdentity {
  pid: number
  startedAt: string
}

/** Null when the process has ended; a zombie has. */
export function identify(pid: number): ProcessIdentity | null {
  const facts = process.platform === 'linux' ? readProc(pid) : askPs(pid)
  return facts === null || facts.state === 'zombie' ? null : { pid, startedAt: facts.startedAt }
}

export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  return identify(pid)?.startedAt === startedAt
}

/** Whether it has come to a halt by SIGSTOP, or ended: either way it does nothing more. */
export function hasHalted(pid: number): boolean {
  const facts = process.platform === 'linux' ? readProc(pid) : askPs(pid)
  return facts === null || facts.state === 'zombie' || facts.state === 'stopped'
}

/** Null for anything else, such as a file whose writer was killed half-way. */
export function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value))
      return null
    const { pid, startedAt } = value
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : null
  } catch {
    return null
  }
}

/** The program that the process runs, without its folder; empty when there is no such process. */
export function nameOf(pid: number): string {
  if (process.platform === 'linux') return readFrom(`/proc/${pid}/comm`).trim()
  const { stdout } = spawnSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' })
  return basename(stdout.trim())
}

/** The process's children, their children and so on. */
export function findDescendants(pid: number): number[] {
  const parents = process.platform === 'linux' ? parentsFromProc() : parentsFromPs()
  const found: number[] = []
  let generation = [pid]
  while (generation.length > 0) {
    const wanted = new Set(generation)
    generation = parents.filter(([, parent]) => wanted.has(parent)).map(([child]) => child)
    found.push(...generation)
  }
  return found
}

interface ProcessFacts {
  startedAt: string
  state: 'zombie' | 'stopped' | 'other'
  parent: number
}

/** proc(5): after the command in parentheses, which may itself hold any character, come state, ppid and, as field 22, the start time. */
function readProc(pid: number): ProcessFacts | null {
  const stat = readFrom(`/proc/${pid}/stat`)
  if (stat === '') return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const boot = readFrom('/proc/sys/kernel/random/boot_id').trim()
  return {
    startedAt: `${boot}:${fields[19] ?? ''}`,
    state: stateOf(fields[0]),
    parent: Number(fields[1]),
  }
}

function stateOf(letters = ''): ProcessFacts['state'] {
  if (/^[ZX]/.test(letters)) return 'zombie'
  return letters.startsWith('T') ? 'stopped' : 'other'
}

/** A process may end between any two looks at it. */
function readFrom(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parentsFromProc(): [pid: number, parent: number][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name): [number, number] => [Number(name), readProc(Number(name))?.parent ?? 0])
}

function askPs(pid: number): ProcessFacts | null {
  const { stdout } = spawnSync('ps', ['-o', 'state=,ppid=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
  const [, state = '', parent = '', startedAt = ''] = /^(\S+)\s+(\d+)\s+(.*)$/m.exec(stdout.trim()) ?? []
  return startedAt === '' ? null : { startedAt, state: stateOf(state), parent: Number(parent) }
}

function parentsFromPs(): [pid: number, parent: number][] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parent = 0]): [number, number] => [pid, parent])
}
