import { readFileSync, statSync } from 'node:fs'
import { freeTraits } from './free-traits.js'
import type { Traits } from './traits.js'
import { SchemaRefusal, TraitsSchemaError } from './traits-schema-error.js'

/** Far more than people describe by hand, and compiled in a moment. */
const maxFileBytes = 256 * 1024

/**
 * Reads and compiles TRAITS_SCHEMA, once. Without it traits are free, and neither the compiler of schemas nor that of patterns is loaded.
 * @throws TraitsSchemaError.
 */
export async function loadTraits(file: string | null): Promise<Traits> {
  if (file === null) return freeTraits
  try {
    const schema = parse(readText(file))
    const [{ compileTraitsSchema }, { schemaTraits }] = await Promise.all([
      import('./traits-schema.js'),
      import('./schema-traits.js'),
    ])
    return schemaTraits(compileTraitsSchema(schema), file)
  } catch (error) {
    if (error instanceof SchemaRefusal) throw new TraitsSchemaError(file, error)
    throw error
  }
}

function readText(file: string): string {
  try {
    if (statSync(file).size > maxFileBytes)
      throw new SchemaRefusal('', `must have at most ${maxFileBytes} bytes`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof SchemaRefusal) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new SchemaRefusal('', `the file cannot be read (${code})`)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SchemaRefusal('', `is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
