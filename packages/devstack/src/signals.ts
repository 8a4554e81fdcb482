const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface CaughtSignals {
  /** Aborted by the first signal, whose name is the reason: come to an end in good order. */
  stop: AbortSignal
  /** Aborted by the second: end at once. */
  force: AbortSignal
}

/** From here on the signals that end a process (Ctrl-C, `kill`, a closed terminal) only tell. */
export function catchSignals(): CaughtSignals {
  const [stop, force] = [new AbortController(), new AbortController()]
  for (const name of names) {
    process.on(name, () => (stop.signal.aborted ? force : stop).abort(name))
  }
  return { stop: stop.signal, force: force.signal }
}
