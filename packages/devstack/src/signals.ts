const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** One Ctrl-C arrives twice: the terminal sends it to everybody in the foreground, and npm, which is there too, passes it on. */
const echoMs = 1000

export interface CaughtSignals {
  /** Aborted by the first signal, whose name is the reason: come to an end in good order. */
  stop: AbortSignal
  /** Aborted by the next one that is no echo of it: end at once. */
  force: AbortSignal
}

/** From here on the signals that end a process (Ctrl-C, `kill`, a closed terminal) only tell. */
export function catchSignals(): CaughtSignals {
  const [stop, force] = [new AbortController(), new AbortController()]
  let stoppedAtMs = Infinity
  for (const name of names) {
    process.on(name, () => {
      if (performance.now() - stoppedAtMs > echoMs) force.abort(name)
      stoppedAtMs = Math.min(stoppedAtMs, performance.now())
      stop.abort(name)
    })
  }
  return { stop: stop.signal, force: force.signal }
}
