/** A process that `npm start` runs. */
export interface Part {
  readonly name: string
  /** Resolves when it has ended, to how: "exit code 1", "signal SIGKILL". */
  readonly ended: Promise<string>
  stop: () => Promise<void>
  kill: () => Promise<void>
}
