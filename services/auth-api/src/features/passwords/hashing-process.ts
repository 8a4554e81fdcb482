import { fork } from 'node:child_process'
import { once } from 'node:events'
import { AppError } from '@latchkey/contracts/errors'
import { type HashingTask, isHashingResult } from './hashing-messages.js'

/** A hash takes tens of milliseconds. What takes this long is stuck, and its request has been answered without it. */
const longestTaskMs = 10_000

type Unnumbered<Task> = Task extends unknown ? Omit<Task, 'id'> : never

export interface HashingProcess {
  /** @throws AppError unavailable when the process ends first or is stuck. The next task gets another process. */
  run(task: Unnumbered<HashingTask>): Promise<string | boolean>
  /** Ends the process. Whoever still waits for it is told `unavailable`. */
  close(): Promise<void>
}

/**
 * Hashing away from the threads of this process, at a lower priority. On two cores with one hash at a time a flood of 32
 * sign-ins raises the p99 of a refresh to 1.3 to 1.4 times what it is without them; hashed in this process, to 1.6 times.
 * The process starts with the first task, and again when it has died.
 */
export function createHashingProcess(threads: number): HashingProcess {
  let current: HashingProcess | null = null

  return {
    run(task) {
      current ??= startHashing(threads, () => {
        current = null
      })
      return current.run(task)
    },
    async close() {
      await current?.close()
    },
  }
}

function startHashing(threads: number, onEnd: () => void): HashingProcess {
  const waiting = new Map<number, { resolve(value: string | boolean): void; reject(error: Error): void }>()
  let lastId = 0
  const child = fork(new URL('./hashing-process-entry.js', import.meta.url), {
    env: { UV_THREADPOOL_SIZE: String(threads) }, // and none of our secrets
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('message', (message) => {
    if (!isHashingResult(message)) return
    const task = waiting.get(message.id)
    if ('value' in message) task?.resolve(message.value)
    else task?.reject(new Error(`A password could not be hashed: ${message.failure}`))
  })
  child.once('error', end)
  child.once('exit', (code, signal) => {
    end(new Error(`The hashing process ended with ${signal ?? `code ${code}`}.`))
  })

  function end(cause: Error): void {
    onEnd()
    for (const task of waiting.values()) task.reject(new AppError('unavailable', undefined, { cause }))
  }

  return {
    async run(task) {
      const id = (lastId += 1)
      const stuck = setTimeout(() => child.kill('SIGKILL'), longestTaskMs)
      try {
        return await new Promise<string | boolean>((resolve, reject) => {
          waiting.set(id, { resolve, reject })
          child.send({ id, ...task }, (cause) => {
            if (cause !== null) reject(new AppError('unavailable', undefined, { cause }))
          })
        })
      } finally {
        clearTimeout(stuck)
        waiting.delete(id)
      }
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      if (child.connected) child.disconnect()
      await ended
    },
  }
}
