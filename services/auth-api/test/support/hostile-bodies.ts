import { Compile } from 'typebox/compile'
import { IsNull, IsObject, IsOptional, IsSchema, IsUnion, type TObject, type TSchema } from 'typebox'

export interface HostileRequest {
  readonly name: string
  readonly payload: string | Buffer
  readonly contentType?: string
  readonly expected: { readonly status: number; readonly code: string }
}

const malformed = { status: 400, code: 'malformed_body' } as const
const invalid = { status: 400, code: 'validation_failed' } as const
const tooLarge = { status: 413, code: 'payload_too_large' } as const
const wrongMedia = { status: 415, code: 'unsupported_media_type' } as const

const bodyLimit = 64 * 1024
const json = (value: unknown): string => JSON.stringify(value)

/** Requests that no route may accept, made from the schema of a route's body. */
export function hostileBodies(schema: unknown): HostileRequest[] {
  const { properties, mayBeNull } = objectOf(schema)
  const valid = Object.fromEntries(
    Object.entries(properties).flatMap(([name, field]) =>
      IsOptional(field) ? [] : [[name, sampleOf(field)]],
    ),
  )
  return [
    ...hostileTypes.filter(({ payload }) => payload !== 'null' || !mayBeNull),
    ...hostileFields(properties, valid),
    ...unreadable(valid),
    ...foreignMedia(json(valid)),
  ]
}

/** The body of every route is an object, or nothing. */
function objectOf(schema: unknown): { properties: TObject['properties']; mayBeNull: boolean } {
  if (IsSchema(schema) && IsUnion(schema)) {
    const object = schema.anyOf.find(IsObject)
    if (object !== undefined) return { properties: object.properties, mayBeNull: schema.anyOf.some(IsNull) }
  }
  if (IsSchema(schema) && IsObject(schema)) return { properties: schema.properties, mayBeNull: false }
  throw new Error('The body of a route is not an object')
}

const hostileTypes: readonly HostileRequest[] = [[], [{}], 'text', 1, true, null].map((value) => ({
  name: `a body that is ${json(value)}`,
  payload: json(value),
  expected: invalid,
}))

function hostileFields(fields: Record<string, TSchema>, valid: Record<string, unknown>): HostileRequest[] {
  const requests: HostileRequest[] = [
    { name: 'an unknown field', payload: json({ ...valid, isAdmin: 'canary' }), expected: invalid },
    {
      name: 'an unknown field with a long name',
      payload: json({ ...valid, ['y'.repeat(5000)]: 1 }),
      expected: invalid,
    },
  ]
  for (const [field, schema] of Object.entries(fields)) {
    const { [field]: _removed, ...others } = valid
    if (!IsOptional(schema)) requests.push({ name: `no ${field}`, payload: json(others), expected: invalid })
    const isValid = Compile(schema)
    for (const value of hostileValues(schema)) {
      if (isValid.Check(value)) continue
      requests.push({
        name: `${field} = ${json(value).slice(0, 40)}`,
        payload: json({ ...others, [field]: value }),
        expected: invalid,
      })
    }
    for (const escape of ['\\u0000', '\\ud800', '\\udc00x', '\\udfff\\ud800']) {
      const text = json({ ...others, [field]: 'abcdefgh' }).replace('abcdefgh', `abc${escape}def`)
      requests.push({ name: `${field} with ${escape}`, payload: text, expected: invalid })
    }
    const once = json(sampleOf(schema))
    requests.push(
      { name: `${field} twice`, payload: `{"${field}":${once},"${field}":${once}}`, expected: malformed },
      {
        name: `${field} twice, once escaped`,
        payload: `{"${field}":${once},"\\u00${field.charCodeAt(0).toString(16)}${field.slice(1)}":${once}}`,
        expected: malformed,
      },
    )
  }
  return requests
}

function hostileValues(schema: TSchema): unknown[] {
  const limits: { maxLength?: number; minLength?: number } = schema
  return [
    null,
    0,
    -1,
    1e308,
    true,
    false,
    [],
    ['a'],
    [['a']],
    {},
    { $ne: null },
    { toString: 'x' },
    { length: 5 },
    'x'.repeat((limits.maxLength ?? 1024) + 1),
    ...((limits.minLength ?? 0) > 0 ? [''] : []),
  ]
}

function unreadable(valid: Record<string, unknown>): HostileRequest[] {
  const text = json(valid)
  const nested = (depth: number, open: string, close: string): string =>
    `{"a":${open.repeat(depth)}1${close.repeat(depth)}}`
  const bodies: [string, string | Buffer][] = [
    ['half an object', text.slice(0, -1)],
    ['an object and a half', `${text}{`],
    ['a trailing comma', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['a comment', '{/**/"a":1}'],
    ['NaN', '{"a":NaN}'],
    ['a raw control character', '{"a":"\u0001"}'],
    ['a byte order mark', `\uFEFF${text}`],
    ['only spaces', '   '],
    ['binary', Buffer.from([0, 1, 2, 3, 255])],
    [
      'a lone continuation byte',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0x80]), Buffer.from('"}')]),
    ],
    [
      'an overlong slash',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
    ],
    [
      'an encoded surrogate',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    ],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['objects in objects', nested(11, '{"a":', '}')],
    ['lists in lists', nested(20_000, '[', ']')],
    ['__proto__', '{"__proto__":{"isAdmin":true}}'],
    ['an escaped __proto__', '{"\\u005f_proto__":{"isAdmin":true}}'],
    ['__proto__ below', '{"a":[{"__proto__":null}]}'],
    ['constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}'],
  ]
  return [
    ...bodies.map(([name, payload]) => ({ name, payload, expected: malformed })),
    { name: 'one byte too much', payload: `"${'x'.repeat(bodyLimit - 1)}"`, expected: tooLarge },
    { name: 'far too much', payload: json({ a: 'x'.repeat(1024 * 1024) }), expected: tooLarge },
  ]
}

function foreignMedia(payload: string): HostileRequest[] {
  return [
    'text/plain',
    'text/plain;application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; charset=utf-7',
    'application/json; profile=x',
    'application/jsonp',
    'application/vnd.api+json',
    'application/xml',
    '*/*',
    'json',
    '',
  ].map((contentType) => ({
    name: `content type "${contentType}"`,
    payload,
    contentType,
    expected: wrongMedia,
  }))
}

/** Good enough for the schema, if not for the use case: what is wrong beside it must be found first. */
function sampleOf(schema: TSchema): unknown {
  const { minLength = 0, type }: { minLength?: number; type?: unknown } = schema
  return type === 'object' ? {} : 'a'.repeat(Math.max(minLength, 3))
}
