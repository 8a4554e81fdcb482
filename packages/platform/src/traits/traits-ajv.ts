import addFormats from 'ajv-formats'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { annotationNames } from './annotations.js'
import { linearPattern } from './linear-pattern.js'
import { ownFormats, standardFormats } from './trait-formats.js'

/** Strict: what is misspelt or would be passed over stops the start instead of checking nothing. */
export function createTraitsAjv(): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false, // `then: {required: …}` names properties of another place
    allowUnionTypes: true,
    allowMatchingProperties: true,
    // Inherited names such as `constructor` are nobody's traits.
    ownProperties: true,
    // A form shows all that is to be mended at once; the size of traits bounds the work.
    allErrors: true,
    // The same file is compiled once for each type of user.
    addUsedSchema: false,
    code: { regExp: linearPattern },
    formats: Object.fromEntries(
      Object.entries(ownFormats).map(([name, validate]) => [name, { type: 'string', validate }]),
    ),
    keywords: annotationNames.map((keyword) => ({ keyword, schemaType: 'boolean' })),
    logger: false,
  })
  addFormats.default(ajv, { mode: 'full', formats: [...standardFormats] })
  return ajv
}
