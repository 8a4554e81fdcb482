import { spawnSync } from 'node:child_process'
import { runNodeLoad } from './node-load.js'
import { runWrk } from './wrk.js'

/**
 * Requests over kept connections, each with one value: `refresh` presents a refresh token and queues the one that it gets,
 * `bearer` an access token, `login` an e-mail address, `introspect` a token in a form.
 */
export interface Load {
  kind: 'refresh' | 'bearer' | 'login' | 'introspect'
  url: string
  values: readonly string[]
  password?: string
  /** The header of the service client that introspects. */
  authorization?: string
  connections: number
  seconds: number
}

export interface LoadResult {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  /** Errors of connections and answers other than 2xx. */
  failed: number
}

export const hasWrk = spawnSync('wrk', ['--version']).error === undefined

/** wrk where there is one: it costs the machine a tenth of what a generator in JavaScript does. */
export function runLoad(load: Load): Promise<LoadResult> {
  return hasWrk ? runWrk(load) : runNodeLoad(load)
}
