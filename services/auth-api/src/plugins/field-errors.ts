import type { FieldError } from '@latchkey/contracts/errors'
import type { FastifySchemaValidationError } from 'fastify'

/** A field's name comes from the client: long enough to be recognised, too short to echo a secret or fill a log. */
const maxNameLength = 64

const messages: Readonly<Record<string, string>> = {
  required: 'is required',
  additionalProperties: 'is not known',
  unevaluatedProperties: 'is not known',
  type: 'has the wrong type',
  minLength: 'is too short',
  maxLength: 'is too long',
  pattern: 'has characters that are not allowed',
  format: 'does not have the right format',
  minProperties: 'is empty',
  maxProperties: 'has too many fields',
  propertyNames: 'has a field name that is not allowed',
  minItems: 'has too few items',
  maxItems: 'has too many items',
  minimum: 'is too small',
  maximum: 'is too large',
}

/** A schema failure for the client: where and why, never the value that was sent. */
export function fieldErrorOf(failure: FastifySchemaValidationError): FieldError {
  const isBody = failure.instancePath === '' && failure.keyword === 'type'
  return {
    path: pathOf(failure),
    message: isBody ? 'must be an object' : (messages[failure.keyword] ?? 'is not valid'),
  }
}

/** RFC 6901. A missing or unknown field is pointed at itself, not at the object that lacks or has it. */
function pathOf({ instancePath, params }: FastifySchemaValidationError): string {
  const name = params['missingProperty'] ?? params['additionalProperty'] ?? params['propertyName']
  return typeof name === 'string' ? `${instancePath}/${pointerToken(name)}` : instancePath
}

export function pointerToken(name: string): string {
  return name.slice(0, maxNameLength).replaceAll('~', '~0').replaceAll('/', '~1')
}
