/**
 * Arrays to and from PostgreSQL's text form. The driver can look these types up itself, but in a query of its own on each new
 * connection whose failure nobody can catch: a server that dies at that moment takes the process along (porsager/postgres#1192).
 */

type Element = string | number | bigint | boolean | Date | Uint8Array | null

interface ArrayType {
  readonly to: number
  readonly from: number[]
  readonly serialize: (values: unknown) => string
  readonly parse: (text: string) => unknown[]
}

/** Types by oid (pg_type.typarray), as the driver wants them. */
export const arrayTypes: Record<string, ArrayType> = {
  booleanArray: arrayType(1000, (text) => text === 't'),
  byteaArray: arrayType(1001, (text) => Buffer.from(text.slice(2), 'hex')),
  intArray: arrayType(1007, Number),
  textArray: arrayType(1009, (text) => text),
  bigintArray: arrayType(1016, BigInt),
  inetArray: arrayType(1041, (text) => text),
  timestamptzArray: arrayType(1185, (text) => new Date(text)),
  uuidArray: arrayType(2951, (text) => text),
}

/** What `sql.array(values)` sends when no type is given. */
export const textArrayOid = 1009

function arrayType(oid: number, parseElement: (text: string) => unknown): ArrayType {
  return {
    to: oid,
    from: [oid],
    serialize: serializeArray,
    parse: (text) => splitArray(text).map((item) => (item === null ? null : parseElement(item))),
  }
}

function serializeArray(values: unknown): string {
  if (!Array.isArray(values)) throw new TypeError('an array parameter needs an array')
  const items = values.map((value: Element) =>
    value === null ? 'NULL' : `"${serializeElement(value).replace(/["\\]/g, '\\$&')}"`,
  )
  return `{${items.join(',')}}`
}

function serializeElement(value: Exclude<Element, null>): string {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return String(value)
}

/** The items of a one-dimensional array in text form, such as `{a,"b \"c\"",NULL}`. */
function splitArray(text: string): (string | null)[] {
  const items = text.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,]+/gs) ?? []
  return items.map((item) => {
    if (item === 'NULL') return null
    return item.startsWith('"') ? item.slice(1, -1).replace(/\\(.)/gs, '$1') : item
  })
}
