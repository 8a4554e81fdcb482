import type { WriteStream } from 'node:tty'

export interface ProgressLine {
  show(text: string): void
  /** Leaves nothing of the line behind. */
  end(): void
}

/** One line that is written over again and again, on a terminal only: a log file has no use for it. */
export function createProgressLine(
  stream: Pick<WriteStream, 'isTTY' | 'write'>,
  everyMs = 100,
): ProgressLine {
  let shownAt = -Infinity
  const clear = '\r\u001b[K'
  return {
    show(text) {
      if (!stream.isTTY || performance.now() - shownAt < everyMs) return
      shownAt = performance.now()
      stream.write(clear + text)
    },
    end() {
      if (stream.isTTY && shownAt > -Infinity) stream.write(clear)
    },
  }
}
