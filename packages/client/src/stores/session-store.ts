/** Where the session is kept. What it holds signs its owner in: see README.md on which to choose. */
export interface SessionStore {
  read(): string | null | Promise<string | null>
  /** Null takes it away. Resolves when it would survive the end of the program. */
  write(text: string | null): void | Promise<void>
  /** Calls when something else may have written; returns how to stop it. */
  watch?(listener: () => void): () => void
  /**
   * Keeps others who share the store from refreshing as well, and resolves to how to let them again. A courtesy, not a guard: it may give up waiting, and
   * must when `isNeeded` no longer says so, because two refreshes of one token are answered alike.
   */
  lock?(isNeeded: () => boolean): Promise<() => void>
}

/** Gone with the page or the process. */
export function memoryStore(): SessionStore {
  let kept: string | null = null
  return {
    read: () => kept,
    write: (text) => {
      kept = text
    },
  }
}
