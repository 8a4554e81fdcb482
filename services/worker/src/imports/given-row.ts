/** A row of a file, or why it is none. */
export type GivenRow =
  | { readonly line: number; readonly value: unknown; readonly fault: null }
  | { readonly line: number; readonly value: string | null; readonly fault: string }

/** Far more than traits and hash take. What is longer is not kept in memory. */
export const maxRowBytes = 128 * 1024
