import { loadTraits } from '@latchkey/platform/traits/load-traits'
import type { CheckedTraits, Traits } from '@latchkey/platform/traits/traits'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'

/** The schemas that the documentation shows. */
export const sampleSchema = (name: 'school' | 'accounting'): string =>
  resolve(import.meta.dirname, `../../../../docs/traits/${name}.schema.json`)

/** What TRAITS_SCHEMA makes of a file with this content. */
export async function loadTraitsOf(t: Test, content: unknown): Promise<Traits> {
  const file = join(t.testdir({}), 'traits.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return loadTraits(file)
}

/** A schema with one trait, `a`. */
export const withTrait = (trait: unknown, more: object = {}): object => ({
  type: 'object',
  properties: { a: trait },
  ...more,
})

/** Where traits are wrong, and how; empty when they are right. */
export function errorsOf(checked: CheckedTraits): Record<string, string> {
  return Object.fromEntries((checked.errors ?? []).map(({ path, message }) => [path, message]))
}

export const asUser = { author: 'user', userType: 'student', stored: {} } as const
