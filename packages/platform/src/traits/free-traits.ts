import { boundProblem } from './trait-bounds.js'
import type { CheckedTraits, Traits } from './traits.js'
import type { JsonObject } from './json-objects.js'

/** Without TRAITS_SCHEMA: any traits and types, within bounds. */
export const freeTraits: Traits = {
  about: 'any',
  shown: null,
  checkNew: withinBounds,
  check: withinBounds,
  shownToUser: (traits) => traits,
  toFile: () => [],
}

function withinBounds(given: JsonObject): CheckedTraits {
  const problem = boundProblem(given)
  return problem === null ? { traits: given, errors: null } : { errors: [problem] }
}
