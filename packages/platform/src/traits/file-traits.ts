import { maxFiledLength, type Annotations } from './annotations.js'
import type { JsonObject } from './json-objects.js'

/** A trait as the index has it. */
export interface FiledTrait {
  readonly name: string
  readonly value: string
  readonly isUnique: boolean
  readonly isSearchable: boolean
}

/** As values are compared: two ways of writing a thing are one. */
export function comparable(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim()
}

/** Those of a user's traits that are unique or searchable. */
export function filedTraits(traits: JsonObject, annotations: ReadonlyMap<string, Annotations>): FiledTrait[] {
  return [...annotations].flatMap(([name, { isUnique, isSearchable }]) => {
    const value = isUnique || isSearchable ? valueOf(traits[name]) : null
    return value === null ? [] : [{ name, value, isUnique, isSearchable }]
  })
}

/** Too long for the index once it is comparable: a few characters become many. */
export function isTooLongToFile({ value }: FiledTrait): boolean {
  return value.length > maxFiledLength
}

/** Nothing is nobody's: empty texts do not meet as equal. */
function valueOf(trait: unknown): string | null {
  if (typeof trait === 'number') return String(trait)
  const text = typeof trait === 'string' ? comparable(trait) : ''
  return text === '' ? null : text
}
