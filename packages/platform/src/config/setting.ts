import type { Parser } from './parsers.js'

/** What a default may depend on beside other settings. */
export interface HostFacts {
  readonly cores: number
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean
}

/** The text of another setting by its environment name, its default included. */
export type TextOf = (env: string) => string | undefined

/** A computed default: its text, and the words that `.env.example` has for it. */
export interface ComputedDefault {
  readonly words: string
  readonly compute: (textOf: TextOf, host: HostFacts) => string | undefined
}

export interface Setting<T> {
  readonly env: string
  /** A more specific name that wins over `env` when both are set. */
  readonly preferredEnv?: string
  readonly parse: Parser<T>
  readonly presence: 'required' | 'optional' | 'defaulted'
  readonly fallback?: string | ComputedDefault
  /** Never shown, and readable from the file that `<env>_FILE` names. */
  readonly isSecret: boolean
  /** One sentence or two for the operator: unit, meaning, source. */
  readonly about: string
}

export function required<T>(env: string, parse: Parser<T>, about: string): Setting<T> {
  return { env, parse, presence: 'required', isSecret: false, about }
}

export function optional<T>(env: string, parse: Parser<T>, about: string): Setting<T | null> {
  return { env, parse, presence: 'optional', isSecret: false, about }
}

export function defaulted<T>(
  env: string,
  parse: Parser<T>,
  fallback: string | ComputedDefault,
  about: string,
): Setting<T> {
  return { env, parse, presence: 'defaulted', fallback, isSecret: false, about }
}

export function secret<T>(setting: Setting<T>): Setting<T> {
  return { ...setting, isSecret: true }
}
