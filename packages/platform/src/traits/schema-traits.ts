import type { FieldError } from '@latchkey/contracts/errors'
import { isDeepStrictEqual } from 'node:util'
import { filedTraits, isTooLongToFile } from './file-traits.js'
import { pointerPart, type JsonObject } from './json-objects.js'
import { shownRules } from './shown-schema.js'
import { boundProblem } from './trait-bounds.js'
import { traitErrors } from './trait-errors.js'
import type { Traits, TraitsAuthor } from './traits.js'
import type { TraitsSchema } from './traits-schema.js'

/** The traits that the operator's schema describes. */
export function schemaTraits(schema: TraitsSchema, file: string): Traits {
  const { annotations, types } = schema
  const isPrivate = (name: string): boolean => annotations.get(name)?.isPrivate === true
  const isForAdmins = (name: string): boolean => isPrivate(name) || annotations.get(name)?.isReadOnly === true

  const check: Traits['check'] = (given, { author, userType, stored }) => {
    const trespasses = author === 'user' ? trespassesOf(given, stored) : []
    if (trespasses.length > 0) return { errors: trespasses }
    const kept = author === 'user' ? pick(stored, isForAdmins) : {}
    const traits = { ...given, ...kept }
    const bound = boundProblem(traits)
    if (bound !== null) return { errors: [bound] }
    const errors = [...schemaErrors(traits, userType, author), ...lengthErrors(traits)]
    return errors.length > 0 ? { errors } : { traits, errors: null }
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

  function schemaErrors(traits: JsonObject, userType: string | null, author: TraitsAuthor): FieldError[] {
    const { validate, names } = schema.byType.get(userType ?? '') ?? schema.everybody
    // Left from when the user was of another type: no reason to refuse what the user changes now.
    const isLeft = (name: string): boolean => author === 'user' && isForAdmins(name) && !names.has(name)
    if (validate(pick(traits, (name) => !isLeft(name)))) return []
    return traitErrors(validate.errors ?? [])
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

function pick(traits: JsonObject, isWanted: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(traits).filter(([name]) => isWanted(name)))
}

function describe({ annotations, types }: TraitsSchema, file: string): string {
  const names = types.length === 0 ? '' : `, user types ${types.map(({ name }) => name).join(', ')}`
  return `${file}: ${annotations.size} traits${names}`
}
