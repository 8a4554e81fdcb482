import { isatty } from 'node:tty'
import { createColors } from 'picocolors'

// `process.stdout.isTTY` is undefined for a pipe, and without a yes or no the library guesses: for it, CI=true is enough.
const hasColours = isatty(process.stdout.fd) && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

/** Plain text where nobody sees colours: NO_COLOR (no-color.org), a pipe, a dumb terminal. */
export const { bold, cyan, dim, green, red, yellow } = createColors(hasColours)

/** One step of the start, as it happens. */
export function tellStep(line: string): void {
  console.log(dim(`· ${line}`))
}
