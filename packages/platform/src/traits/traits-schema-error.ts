/** Why TRAITS_SCHEMA cannot be used, in one line that names the file and the place in it. */
export class TraitsSchemaError extends Error {
  constructor(file: string, { place, problem }: SchemaProblem) {
    super(`TRAITS_SCHEMA ${file}${place === '' ? '' : `, at ${place}`}: ${problem}`)
    this.name = 'TraitsSchemaError'
  }
}

export interface SchemaProblem {
  /** JSON Pointer into the file; empty for the whole of it. */
  readonly place: string
  readonly problem: string
}

/** Thrown within this folder, where the file's name is not known. */
export class SchemaRefusal extends Error implements SchemaProblem {
  readonly place: string
  readonly problem: string

  constructor(place: string, problem: string) {
    super(`${place} ${problem}`)
    this.name = 'SchemaRefusal'
    this.place = place
    this.problem = problem
  }
}
