import type { FieldError } from '@latchkey/contracts/errors'
import { isDeepStrictEqual } from 'node:util'
import { filedTraits, isTooLongToFile } from './file-traits.js'
import { pointerPart, type JsonObject } from './json-objects.js'
import { shownRules } from './shown-schema.js'
import { boundProblem } from './trait-bounds.js'
import { traitErrors, type TraitError } from './trait-errors.js'
import type { Traits, TraitsAuthor, TraitsChange } from './traits.js'
import type { TraitsSchema, TypeRules } from './traits-schema.js'

/** Enough to mend a form by; a list with a thousand bad items is not told a thousand times. */
const maxErrors = 20

/** The traits that the operator's schema describes. */
export function schemaTraits(schema: TraitsSchema, file: string): Traits {
  const { annotations, types } = schema
  const isPrivate = (name: string): boolean => annotations.get(name)?.isPrivate === true
  const isForAdmins = (name: string): boolean => isPrivate(name) || annotations.get(name)?.isReadOnly === true

  const check: Traits['check'] = (given, change) => {
    const { author, stored } = change
    const trespasses = author === 'user' ? trespassesOf(given, stored) : []
    if (trespasses.length > 0) return { errors: trespasses }
    const kept = author === 'user' ? pick(stored, isForAdmins) : {}
    const traits = { ...given, ...kept }
    const bound = boundProblem(traits)
    if (bound !== null) return { errors: [bound] }
    const errors = [...schemaErrors(traits, change), ...lengthErrors(traits)]
    return errors.length > 0 ? { errors: errors.slice(0, maxErrors) } : { traits, errors: null }
  }

  /** A client may send back what it was shown. What it was never shown is as unknown as any other name. */
  function trespassesOf(given: JsonObject, stored: JsonObject): FieldError[] {
    return Object.entries(given)
      .filter(
        ([name, value]) => isForAdmins(name) && (isPrivate(name) || !isDeepStrictEqual(value, stored[name])),
      )
      .map(([name]) => ({
        path: `/traits/${pointerPart(name)}`,
        message: isPrivate(name) ? 'is not known' : 'is set by administrators only',
      }))
  }

  function schemaErrors(traits: JsonObject, { author, userType, stored }: TraitsChange): FieldError[] {
    const rules = schema.byType.get(userType ?? '') ?? schema.everybody
    const found = errorsBy(rules, traits)
    if (author === 'admin' || !found.some(({ name }) => isForAdmins(name)))
      return found.map(({ error }) => error)
    // What was wrong before, and only admins can mend, such as what is left from another type, is not held against the user.
    const before = new Set(errorsBy(rules, stored).map(keyOf))
    return found
      .filter((problem) => !isForAdmins(problem.name) || !before.has(keyOf(problem)))
      .map(({ name, error }) => (isPrivate(name) ? { path: '/traits', message: 'is not allowed' } : error))
  }

  function lengthErrors(traits: JsonObject): FieldError[] {
    return filedTraits(traits, annotations)
      .filter(isTooLongToFile)
      .map(({ name }) => ({ path: `/traits/${name}`, message: 'is too long' }))
  }

  function typeProblem(userType: string | null, author: TraitsAuthor): FieldError | null {
    const open = types.filter(({ isReadOnly }) => author === 'admin' || !isReadOnly).map(({ name }) => name)
    if (types.length === 0 || (userType === null ? open.length === 0 : open.includes(userType))) return null
    return {
      path: '/userType',
      message: `must be ${open.length === 0 ? 'left out' : `one of ${open.join(', ')}`}`,
    }
  }

  return {
    about: describe(schema, file),
    shown: shownRules(schema),
    check,
    checkNew(given, { author, userType }) {
      const problem = typeProblem(userType, author)
      return problem === null ? check(given, { author, userType, stored: {} }) : { errors: [problem] }
    },
    shownToUser: (traits) => pick(traits, (name) => !isPrivate(name)),
    toFile: (traits) => filedTraits(traits, annotations),
  }
}

function errorsBy({ validate }: TypeRules, traits: JsonObject): TraitError[] {
  return validate(traits) ? [] : traitErrors(validate.errors ?? [])
}

const keyOf = ({ error }: TraitError): string => `${error.path} ${error.message}`

function pick(traits: JsonObject, isWanted: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(traits).filter(([name]) => isWanted(name)))
}

function describe({ annotations, types }: TraitsSchema, file: string): string {
  const names = types.length === 0 ? '' : `, user types ${types.map(({ name }) => name).join(', ')}`
  return `${file}: ${annotations.size} traits${names}`
}
