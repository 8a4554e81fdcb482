import childProcess, { type ForkOptions } from 'node:child_process'
import module from 'node:module'
import { plainNode } from '@latchkey/devstack/testing/plain-node'

const { fork } = childProcess
const source = new URL('../../src/features/passwords/hashing-process-entry.js', import.meta.url).href
const built = new URL('../../dist/features/passwords/hashing-process-entry.js', import.meta.url)
const [execPath, ...execArgv] = plainNode

/**
 * From here on hashing processes run as they were built. With what tap and tsx preload into every process, and its coverage measured,
 * one costs ten times as much. `passwords.hashing.test.ts` runs the source.
 */
export function runHashingAsBuilt(): void {
  const forkBuilt = (entry: string | URL, options: ForkOptions = {}) =>
    String(entry) === source ? fork(built, { ...options, execPath, execArgv }) : fork(entry, options)
  Object.assign(childProcess, { fork: forkBuilt })
  module.syncBuiltinESMExports()
}
