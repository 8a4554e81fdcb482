import { boundProblem } from './trait-bounds.js'
import type { Traits } from './traits.js'

/** Without TRAITS_SCHEMA: any traits and types, within bounds. */
export const freeTraits: Traits = {
  about: 'any',
  userTypeErrors: () => [],
  check(given) {
    const problem = boundProblem(given)
    return problem === null ? { traits: given, errors: null } : { errors: [problem] }
  },
  shownToUser: (traits) => traits,
  toFile: () => [],
}
