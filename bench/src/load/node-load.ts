import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Load, LoadResult } from './load.js'

export interface NodeLoadResult extends LoadResult {
  /** How many answers had which status. */
  statuses: Record<number, number>
}

const generator = fileURLToPath(new URL('generator.js', import.meta.url))

/** In a process of its own, so that it neither waits for the bench nor counts as the server. */
export async function runNodeLoad(load: Load): Promise<NodeLoadResult> {
  const child = fork(generator, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.send(load)
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the load generator ended with ${String(code)}`)
    }),
  ])) as [NodeLoadResult]
  child.disconnect()
  return message
}
