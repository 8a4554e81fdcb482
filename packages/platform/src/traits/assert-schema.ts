import type { Ajv2020 } from 'ajv/dist/2020.js'
import { annotationNames } from './annotations.js'
import { isJsonObject, pointerPart, type JsonObject } from './json-objects.js'
import { linearPattern } from './linear-pattern.js'
import { schemaPlaces } from './schema-places.js'
import { formatMessages } from './trait-formats.js'
import { SchemaRefusal } from './traits-schema-error.js'

const draft = 'https://json-schema.org/draft/2020-12/schema'

/** Ajv knows them, the draft does not; and `$async` would turn every answer into a promise, which is true. */
const strangers: Readonly<Record<string, string>> = {
  $async: 'is not a keyword of JSON Schema 2020-12',
  nullable: 'is not a keyword of JSON Schema 2020-12: say "type": ["string", "null"]',
  definitions: 'is of older drafts: say $defs',
  dependencies: 'is of older drafts: say dependentRequired or dependentSchemas',
  readOnly: 'binds nobody: say x-latchkey-read-only',
  writeOnly: 'binds nobody: say x-latchkey-private',
}

/** Comparing all items of a list with one another takes the square of their number. */
const maxUniqueItems = 1000

/**
 * What Ajv would refuse without naming the place, or not at all. Every keyword of the file does something, and nothing is fetched.
 * @throws SchemaRefusal.
 */
export function assertSchema(ajv: Ajv2020, root: JsonObject, place: string): void {
  if ('$schema' in root && String(root['$schema']).replace(/#$/, '') !== draft)
    throw new SchemaRefusal(`${place}/$schema`, `must be ${draft}`)
  if (!ajv.validateSchema(root)) {
    const [error] = ajv.errors ?? []
    throw new SchemaRefusal(`${place}${error?.instancePath ?? ''}`, error?.message ?? 'is no JSON Schema')
  }
  const traits = isJsonObject(root['properties']) ? Object.values(root['properties']) : []
  for (const { schema, place: here } of schemaPlaces(root, place)) {
    for (const keyword of Object.keys(schema)) {
      const problem = keywordProblem(ajv, schema, keyword, traits.includes(schema))
      if (problem !== null) throw new SchemaRefusal(`${here}/${pointerPart(keyword)}`, problem)
    }
  }
}

function keywordProblem(ajv: Ajv2020, schema: JsonObject, keyword: string, isTrait: boolean): string | null {
  const value = schema[keyword]
  if (annotationNames.includes(keyword)) {
    if (!isTrait) return 'stands at the properties of traits themselves, no deeper'
    return typeof value === 'boolean' ? null : 'must be true or false'
  }
  if (Object.hasOwn(strangers, keyword)) return strangers[keyword] ?? null
  switch (keyword) {
    case '$ref':
    case '$dynamicRef': {
      return String(value).startsWith('#') ? null : 'must lead to a place in this file, such as #/$defs/name'
    }
    case 'format': {
      return Object.hasOwn(formatMessages, String(value))
        ? null
        : `is not known: it may be ${Object.keys(formatMessages).join(', ')}`
    }
    case 'pattern': {
      return patternProblem(String(value))
    }
    case 'patternProperties': {
      return isJsonObject(value) ? (Object.keys(value).map(patternProblem).find(isProblem) ?? null) : null
    }
    case 'uniqueItems': {
      const isBounded = typeof schema['maxItems'] === 'number' && schema['maxItems'] <= maxUniqueItems
      return value === false || isBounded ? null : `needs a maxItems of at most ${maxUniqueItems} beside it`
    }
    default: {
      return ajv.RULES.keywords[keyword] !== true ? 'is not a keyword of JSON Schema 2020-12' : null
    }
  }
}

const isProblem = (problem: string | null): boolean => problem !== null

function patternProblem(pattern: string): string | null {
  try {
    linearPattern(pattern, 'u')
    return null
  } catch (error) {
    return `cannot be used: ${error instanceof Error ? error.message : String(error)}`
  }
}
