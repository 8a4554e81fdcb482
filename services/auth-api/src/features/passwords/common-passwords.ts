import { readFileSync } from 'node:fs'

/**
 * 49,000 of the passwords that turn up most often in breaches, in lower case (SecLists, through zxcvbn-ts). Sorted by their bytes and kept as
 * they are in the file: half a megabyte, where a set of strings takes five and ten more while it is made.
 */
const list = readFileSync(new URL('../../../lists/common-passwords.txt', import.meta.url))
const lineFeed = 0x0a

export function isCommonPassword(folded: string): boolean {
  const wanted = Buffer.from(folded)
  let from = 0
  let to = list.length
  // Both are always where a line begins.
  while (from < to) {
    const middle = list.lastIndexOf(lineFeed, from + Math.floor((to - from) / 2) - 1) + 1
    const start = Math.max(from, middle)
    const end = list.indexOf(lineFeed, start)
    const order = wanted.compare(list, start, end)
    if (order === 0) return true
    if (order < 0) to = start
    else from = end + 1
  }
  return false
}
