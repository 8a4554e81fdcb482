import type { FieldError } from '@latchkey/contracts/errors'
import type { FiledTrait } from './file-traits.js'
import type { JsonObject } from './json-objects.js'
import type { ShownRules } from './shown-schema.js'

/** Who sets traits: the user they are about, or an admin, who sees and sets all of them. */
export type TraitsAuthor = 'user' | 'admin'

export interface TraitsChange {
  readonly author: TraitsAuthor
  readonly userType: string | null
  /** What the user has now; `{}` for a new one. */
  readonly stored: JsonObject
}

export type CheckedTraits =
  { readonly traits: JsonObject; readonly errors: null } | { readonly errors: readonly FieldError[] }

/** The rules of the installation for `userType` and `traits`. Nothing here does I/O: a check takes microseconds. */
export interface Traits {
  /** For the line at the start of a process. */
  readonly about: string
  /** For the page of the API; null without TRAITS_SCHEMA. */
  readonly shown: ShownRules | null
  /** What is to be stored for a new user, whose type must be one that the author may choose. */
  checkNew: (given: JsonObject, user: Omit<TraitsChange, 'stored'>) => CheckedTraits
  /**
   * What is to be stored when the author replaces the user's traits by `given`, or why it is not. What only admins set stays
   * when the user is the author.
   */
  check: (given: JsonObject, change: TraitsChange) => CheckedTraits
  /** Without what is private to admins. */
  shownToUser: (traits: JsonObject) => JsonObject
  /** For `fileTraits`, in the transaction that stores them. */
  toFile: (traits: JsonObject) => readonly FiledTrait[]
}
