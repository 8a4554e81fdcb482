import type { CodeOptions } from 'ajv/dist/2020.js'
import { RE2JS } from 're2js'

/**
 * Patterns by RE2, in time that grows with the text alone: one that JavaScript's own engine would chew on for years, such as `(a+)+$`,
 * stops nobody else's request. What RE2 cannot do (look-around, references back) it refuses, and so the start is.
 * @throws Error saying what is wrong with the pattern.
 */
export const linearPattern: NonNullable<CodeOptions['regExp']> = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
    // Ajv tells patterns apart by their text.
    return { test: (text: string) => compiled.test(text), toString: () => pattern }
  },
  { code: 'linearPattern' },
)
