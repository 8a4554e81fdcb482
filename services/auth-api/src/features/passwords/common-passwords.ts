import { dictionary } from '@zxcvbn-ts/language-common'

/** 49,000 of the passwords that turn up most often in breaches, in lower case (SecLists, through zxcvbn-ts). */
const commonPasswords: ReadonlySet<string> = new Set(dictionary['passwords-common'])

export function isCommonPassword(folded: string): boolean {
  return commonPasswords.has(folded)
}
