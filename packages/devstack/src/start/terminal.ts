import { createColors } from 'picocolors'

// A pipe has no `isTTY` at all, and without a yes or no the library guesses: CI=true would be enough for colours in a log file.
const isTerminal = process.stdout.isTTY === true && process.env.TERM !== 'dumb'
const hasColours = isTerminal && !process.env.NO_COLOR

/** Plain text where nobody sees colours: NO_COLOR (no-color.org), a pipe, a dumb terminal. */
export const { bold, cyan, dim, green, red, yellow } = createColors(hasColours)

/** One step of the start, as it happens. */
export function tellStep(line: string): void {
  console.log(dim(`· ${line}`))
}
