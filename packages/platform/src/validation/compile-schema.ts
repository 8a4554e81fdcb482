import { Ajv, type ErrorObject } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TSchema } from 'typebox'

export interface CompiledSchema<Schema extends TSchema> {
  matches(value: unknown): value is Static<Schema>
  /** What is wrong with a value, beginning with the JSON Pointer of the place; null when it matches. */
  problemOf(value: unknown): string | null
}

// Not by name: a schema may be compiled in two places.
const ajv = new Ajv({ strict: true, allowUnionTypes: true, addUsedSchema: false })
addFormats.default(ajv)

/**
 * A schema as a check, for what comes from elsewhere than a request body: jobs, tokens, answers of Redis. By Ajv, which is loaded for
 * request bodies anyway: TypeBox's own compiler is three hundred modules more at every start.
 */
export function compileSchema<Schema extends TSchema>(schema: Schema): CompiledSchema<Schema> {
  const validate = ajv.compile<Static<Schema>>(schema)
  return {
    matches: (value): value is Static<Schema> => validate(value),
    problemOf: (value) => (validate(value) ? null : describe(validate.errors?.[0])),
  }
}

function describe(error: ErrorObject | undefined): string {
  return `${error?.instancePath ?? ''} ${error?.message ?? 'does not match'}`
}
