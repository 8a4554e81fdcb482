/**
 * A start whose coverage is measured would hand tap's preloads and its own on to everything that it starts. That runs as it was built instead,
 * as after `npm start`: measured it takes twice as long, and nothing of it is kept.
 */
import childProcess from 'node:child_process'
import module from 'node:module'

process.execArgv.length = 0 // what a service, and its hashing process, would be started with
const { spawn } = childProcess
const spawnPlain = (command: string, args: readonly string[], options: childProcess.SpawnOptions) =>
  spawn('/usr/bin/env', ['-u', 'NODE_OPTIONS', command, ...args], options)
Object.assign(childProcess, { spawn: spawnPlain })
module.syncBuiltinESMExports()
