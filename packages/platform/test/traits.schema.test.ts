// Attacks: a schema that checks nothing because of a slip, that fetches, or that one request can stop the process with.
import { loadTraits } from '@latchkey/platform/traits/load-traits'
import { annotationNames } from '@latchkey/platform/traits/annotations'
import { formatMessages } from '@latchkey/platform/traits/trait-formats'
import { userTypesKeyword } from '@latchkey/platform/traits/user-types'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { asUser, errorsOf, loadTraitsOf, withTrait } from './support/traits.js'

t.test('a file that cannot be used is told by its name and the place in it', async (t) => {
  const cases: [content: unknown, told: RegExp][] = [
    ['{', /json: is not JSON: /],
    ['null', /json: must be a JSON object$/],
    [`{"type":"object","description":"${'x'.repeat(256 * 1024)}"}`, /json: must have at most 262144 bytes$/],
    [{ properties: {} }, /at \/type: must be "object"/],
    [
      { type: 'object', $schema: 'http://json-schema.org/draft-07/schema#' },
      /at \/\$schema: must be https:.*2020-12/,
    ],
    [{ type: 'object', properties: [] }, /at \/properties: must be object$/],
    [withTrait({ type: 'text' }), /at \/properties\/a\/type: must be /],
    [withTrait({ type: 'string', maxlength: 5 }), /at \/properties\/a\/maxlength: is not a keyword/],
    [withTrait({ type: 'string', nullable: true }), /at \/properties\/a\/nullable: .*\["string", "null"\]/],
    [withTrait({ type: 'string' }, { $async: true }), /at \/\$async: is not a keyword/],
    [withTrait({ $ref: '#/definitions/x' }, { definitions: { x: true } }), /at \/definitions: .*say \$defs/],
    [withTrait({ type: 'string', readOnly: true }), /at \/properties\/a\/readOnly: .*x-latchkey-read-only/],
    [withTrait({ type: 'string', format: 'telephone' }), /at \/properties\/a\/format: is not known: .*phone/],
    [
      withTrait({ $ref: 'https://example.com/schema' }),
      /at \/properties\/a\/\$ref: must lead to a place in this file/,
    ],
    [withTrait({ $ref: 'other.json#/a' }), /at \/properties\/a\/\$ref: must lead/],
    [withTrait({ $ref: '#/$defs/none' }), /can't resolve reference #\/\$defs\/none/],
    [withTrait({ minLength: 5 }), /missing type "string" for keyword "minLength"/],
    [withTrait({ type: 'string', pattern: '(' }), /at \/properties\/a\/pattern: cannot be used: /],
    [
      withTrait({ type: 'string', pattern: String.raw`^(a)\1$` }),
      /at \/properties\/a\/pattern: cannot be used: /,
    ],
    [withTrait({ type: 'string', pattern: '^(?=a)' }), /at \/properties\/a\/pattern: cannot be used: /],
    [
      withTrait({ type: 'object', patternProperties: { '(': true } }),
      /at \/properties\/a\/patternProperties: cannot/,
    ],
    [withTrait({ type: 'array', uniqueItems: true }), /at \/properties\/a\/uniqueItems: needs a maxItems/],
    [withTrait(true, { $defs: { 'b/~': { typ: 1 } } }), /at \/\$defs\/b~1~0\/typ: is not a keyword/],
    [
      withTrait({ type: 'string', 'x-latchkey-private': 'yes' }),
      /at \/properties\/a\/x-latchkey-private: must be true or/,
    ],
    [
      withTrait({ type: 'string', 'x-latchkey-secret': true }),
      /at \/properties\/a\/x-latchkey-secret: is not a keyword/,
    ],
    [
      withTrait({ type: 'object', properties: { b: { type: 'string', 'x-latchkey-private': true } } }),
      /at \/properties\/a\/properties\/b\/x-latchkey-private: stands at the properties of traits themselves/,
    ],
    [
      withTrait({ type: 'string', 'x-latchkey-private': true, 'x-latchkey-read-only': true }),
      /at \/properties\/a: .*exclude/,
    ],
    [
      withTrait({ type: 'string', 'x-latchkey-unique': true }),
      /at \/properties\/a: .*maxLength of at most 256/,
    ],
    [
      withTrait({ type: 'array', 'x-latchkey-searchable': true }),
      /at \/properties\/a: .*string, integer or number/,
    ],
    [
      withTrait({ type: 'string' }, { required: ['b'] }),
      /at \/required\/0: names b, which is not in properties/,
    ],
    [
      withTrait({ type: 'string', 'x-latchkey-read-only': true }, { required: ['a'] }),
      /at \/required\/0: names a, which only admins set/,
    ],
    [
      withTrait(true, { 'x-latchkey-user-types': ['student'] }),
      /at \/x-latchkey-user-types: must be an object/,
    ],
    [withTrait(true, { 'x-latchkey-user-types': {} }), /at \/x-latchkey-user-types: must name 1 to 32 types/],
    [
      withTrait(true, { 'x-latchkey-user-types': { 'a b': {} } }),
      /at \/x-latchkey-user-types\/a b: must be named/,
    ],
    [
      withTrait(true, { 'x-latchkey-user-types': { x: { allOf: [] } } }),
      /at .*\/x\/allOf: is not known: a type has/,
    ],
    [
      withTrait(true, { 'x-latchkey-user-types': { x: { properties: { a: true } } } }),
      /at \/x-latchkey-user-types\/x\/properties\/a: is a property of everybody already/,
    ],
    [
      withTrait(true, {
        'x-latchkey-user-types': {
          x: { properties: { b: { type: 'string', 'x-latchkey-private': true } } },
          y: { properties: { b: { type: 'string' } } },
        },
      }),
      /at \/x-latchkey-user-types\/y\/properties\/b: has other x-latchkey-/,
    ],
    [Array.from({ length: 70 }).reduce<object>((inner) => ({ not: inner }), {}), /at \/type: must be/],
    [
      withTrait(Array.from({ length: 70 }).reduce<object>((inner) => ({ not: inner }), {})),
      /nested deeper than 64/,
    ],
  ]
  for (const [content, told] of cases) {
    const problem = await loadTraitsOf(t, content).then(
      () => null,
      (error: unknown) => error,
    )
    t.match(problem, { name: 'TraitsSchemaError', message: told })
    t.match(problem, { message: /^TRAITS_SCHEMA \/\S+\.json[,:] [^\n]+$/ }, 'one line with the file')
  }
  await t.rejects(loadTraits('/nowhere/traits.json'), {
    message: 'TRAITS_SCHEMA /nowhere/traits.json: the file cannot be read (ENOENT)',
  })
})

t.test('docs/traits.md has every keyword of ours and every format', async (t) => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../docs/traits.md'), 'utf8')
  for (const word of [...annotationNames, userTypesKeyword, ...Object.keys(formatMessages)])
    t.ok(page.includes(`\`${word}\``) || page.includes(`"${word}"`), word)
})

t.test('neither a pattern nor a list takes the process down', async (t) => {
  const traits = await loadTraitsOf(
    t,
    withTrait(
      { type: 'string', pattern: '^(a+)+$' },
      {
        properties: {
          a: { type: 'string', pattern: '^(a+)+$' },
          b: { type: 'string', pattern: String.raw`^(\w+\s?)*$` },
          c: { type: 'array', items: { type: 'object' }, uniqueItems: true, maxItems: 1000 },
        },
      },
    ),
  )
  const startedAt = performance.now()
  t.same(errorsOf(traits.check({ a: `${'a'.repeat(4000)}!`, b: `${'a '.repeat(2000)}!` }, asUser)), {
    '/traits/a': 'does not have the right form',
    '/traits/b': 'does not have the right form',
  })
  traits.check({ c: Array.from({ length: 5000 }, () => ({})) }, asUser)
  t.ok(performance.now() - startedAt < 2000)
  t.same(errorsOf(traits.check({ a: 'aaa\n' }, asUser)), { '/traits/a': 'does not have the right form' })
})
