import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

interface ProcessTimes {
  parent: number
  /** User and system time, in seconds. */
  own: number
  /** The same of the children that have ended and were waited for. */
  reaped: number
}

/** proc(5): the fields after the command, which is in parentheses and may hold any character. */
function readTimes(pid: number | string): ProcessTimes | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const seconds = (...indexes: number[]) =>
      indexes.reduce((sum, index) => sum + (fields[index] ?? 0), 0) / ticksPerSecond
    return { parent: fields[1] ?? 0, own: seconds(11, 12), reaped: seconds(13, 14) }
  } catch {
    return null // it has ended
  }
}

/** Processor seconds that a process has used. */
export function cpuSecondsOf(pid: number): number {
  const times = readTimes(pid)
  if (times === null) throw new Error(`process ${pid} has ended`)
  return times.own
}

/** Processor seconds of a process and of every child it has had, such as PostgreSQL with its backends. */
export function cpuSecondsOfTree(pid: number): number {
  const root = readTimes(pid)
  if (root === null) throw new Error(`process ${pid} has ended`)
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readTimes)
    .filter((times) => times?.parent === pid)
  return children.reduce((sum, times) => sum + (times?.own ?? 0), root.own + root.reaped)
}
