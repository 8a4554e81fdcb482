// Attack: a body that two readers understand differently, or that reaches further than its fields.
import * as fc from 'fast-check'
import t from 'tap'
import { AppError } from '@latchkey/contracts/errors'
import { parseJsonBody } from '@latchkey/auth-api/plugins/json-body'
import { maxNesting } from '@latchkey/auth-api/plugins/strict-json'

const outcome = (text: string | Buffer): unknown => {
  try {
    return { value: parseJsonBody(text) }
  } catch (error) {
    return error instanceof AppError ? error.code : error
  }
}

t.test('every JSON value without peculiarities comes out as it went in', async (t) => {
  const isPlain = (key: string): boolean => !['__proto__', 'constructor'].includes(key)
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 5 },
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(fc.string().filter(isPlain), tie('value'), { maxKeys: 5 }),
    ),
  }))
  const property = fc.property(value, fc.boolean(), (original, isSpaced) => {
    const text = JSON.stringify(original, null, isSpaced ? 2 : 0)
    const parsed = outcome(Buffer.from(text))
    const expected = { value: JSON.parse(text) as unknown }
    return JSON.stringify(parsed) === JSON.stringify(expected)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }))
})

t.test('punctuation inside strings is not structure', async (t) => {
  for (const value of [
    { a: ':,{}[]"\\' },
    { 'a:b': ['c:d', '\\"', '":"'] },
    { a: '\\\\', b: '\\"' },
    ['::::'],
    ':',
  ]) {
    t.same(outcome(JSON.stringify(value)), { value })
  }
})

t.test('a field named twice is refused at any depth and in any spelling', async (t) => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"x":{"a":1,"a":2}}',
    '[[{"a":1,"a":2}]]',
    '{"a":1,"\\u0061":2}',
    '{"":1,"":2}',
    '{"é":1,"\\u00e9":2}',
    '{"a":{"b":1},"a":{"b":1}}',
    '{"1":1,"1":2}',
  ]) {
    t.equal(outcome(text), 'malformed_body', text)
  }
  t.same(
    outcome('{"a":1,"A":2,"á":3,"a\\u0301":4}'),
    { value: { a: 1, A: 2, á: 3, 'a\u0301': 4 } },
    'others are different names',
  )
})

t.test('names that reach a prototype are refused, and harmless ones beside them not', async (t) => {
  for (const text of [
    '{"__proto__":1}',
    '{"a":[{"__proto__":{}}]}',
    '{"\\u005f\\u005fproto\\u005f\\u005f":{}}',
    '{"constructor":{"prototype":{}}}',
  ]) {
    t.equal(outcome(text), 'malformed_body', text)
  }
  t.same(outcome('{"constructor":"x","prototype":1,"proto":2}'), {
    value: { constructor: 'x', prototype: 1, proto: 2 },
  })
})

t.test(`nesting ends at ${maxNesting}`, async (t) => {
  const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  t.ok(typeof outcome(nest(maxNesting)) === 'object')
  t.equal(outcome(nest(maxNesting + 1)), 'malformed_body')
  t.equal(outcome(nest(30_000)), 'malformed_body', 'without reaching the end of the stack')
  t.equal(outcome('{"a":'.repeat(maxNesting + 1) + '1' + '}'.repeat(maxNesting + 1)), 'malformed_body')
})

t.test('text that PostgreSQL cannot store is refused where it is', async (t) => {
  const errorsOf = (text: string): unknown => {
    try {
      return parseJsonBody(text)
    } catch (error) {
      return error instanceof AppError ? error.errors : error
    }
  }
  t.match(errorsOf('{"a":{"b/c":["x","\\u0000"]}}'), [{ path: '/a/b~1c/1' }])
  t.match(errorsOf('{"a":"\\ud83d"}'), [{ path: '/a' }])
  t.match(errorsOf('{"a":{"\\udc00":1}}'), [{ path: '/a' }])
  t.same(outcome('{"a":"\\ud83d\\ude00 \\u00e9"}'), { value: { a: '😀 é' } }, 'whole pairs are text')
})

t.test('bytes that are no UTF-8 are refused', async (t) => {
  for (const bytes of [
    [0x80],
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xe2, 0x82],
    [0xff],
  ]) {
    t.equal(
      outcome(Buffer.concat([Buffer.from('"'), Buffer.from(bytes), Buffer.from('"')])),
      'malformed_body',
    )
  }
  t.equal(outcome('\uFEFF{}'), 'malformed_body', 'a byte order mark (RFC 8259, 8.1)')
})

t.test('an empty body is none', async (t) => {
  t.same(outcome(''), { value: undefined })
  t.same(outcome(Buffer.alloc(0)), { value: undefined })
  t.equal(outcome(' '), 'malformed_body')
})
