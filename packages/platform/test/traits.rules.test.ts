// Attacks: reading or setting what is the admins' own, choosing a type that gives more, traits that are too much to keep.
import { loadTraits } from '@latchkey/platform/traits/load-traits'
import type { Traits, TraitsAuthor } from '@latchkey/platform/traits/traits'
import t from 'tap'
import { asUser, errorsOf, loadTraitsOf, sampleSchema, withTrait } from './support/traits.js'

const school = await loadTraits(sampleSchema('school'))
const accounting = await loadTraits(sampleSchema('accounting'))
const student = { phone: '+919876543210', grade: 5, guardianEmail: 'parent@example.com' }
const asAdmin = { ...asUser, author: 'admin' } as const

t.test(
  'everything that is wrong is told at once, place by place, in words and without the values',
  async (t) => {
    t.same(school.check({ ...student, address: { city: 'Pune', pin: '411001' } }, asUser).errors, null)
    const wrong = {
      phone: '98765 43210',
      grade: 13,
      section: 'AB',
      address: { street: 5, town: 'Pune' },
      birthday: '2010-02-30',
      subjects: ['physics'],
      constructor: 'x',
    }
    t.same(errorsOf(school.check(wrong, asUser)), {
      '/traits/guardianEmail': 'is required',
      '/traits/phone': 'must be a phone number with country code, such as +919876543210',
      '/traits/grade': 'must be at most 12',
      '/traits/section': 'does not have the right form',
      '/traits/address/city': 'is required',
      '/traits/address/town': 'is not known',
      '/traits/address/street': 'must be a text',
      '/traits/birthday': 'must be a date, such as 2026-01-31',
      '/traits/subjects': 'is not known',
      '/traits/constructor': 'is not known',
    })
    t.same(errorsOf(school.check({}, { ...asUser, userType: 'parent' })), { '/traits/phone': 'is required' })
    t.same(
      errorsOf(
        school.check(
          { phone: '+919876543210', children: ['2024-001', '2024-001', 'x'] },
          { ...asUser, userType: 'parent' },
        ),
      ),
      {
        '/traits/children': 'must not have the same item twice',
        '/traits/children/2': 'does not have the right form',
      },
    )
  },
)

t.test('each type of user has traits of its own, and conditions hold among them', async (t) => {
  const business = { phone: '+919876543210', company: 'Unifab', gstin: '27AAPFU0939F1ZV' }
  const as = (userType: string | null) => ({ author: 'user', userType, stored: {} }) as const
  t.same(errorsOf(accounting.check(business, as('business'))), {})
  t.same(errorsOf(accounting.check({ ...business, turnover: 'above' }, as('business'))), {
    '/traits/einvoicing': 'is required',
  })
  t.same(errorsOf(accounting.check({ ...business, turnover: 'above', einvoicing: true }, as('business'))), {})
  t.same(errorsOf(accounting.check({ ...business, turnover: 'vast' }, as('business'))), {
    '/traits/turnover': 'must be one of below-40-lakh, below-5-crore, above',
  })
  t.same(Object.keys(errorsOf(accounting.check(business, as('accountant')))).toSorted(), [
    '/traits/company',
    '/traits/gstin',
    '/traits/membershipNumber',
    '/traits/pan',
  ])
  // A type that is not listed any more has what everybody has.
  t.same(errorsOf(accounting.check({ phone: '+919876543210' }, as('ceased'))), {})
  t.same(errorsOf(accounting.check({ phone: '+919876543210' }, as(null))), {})
})

t.test('a user chooses among the types that are open, an admin among all', async (t) => {
  const typeError = (traits: Traits, userType: string | null, author: TraitsAuthor) =>
    errorsOf(traits.checkNew(student, { userType, author }))['/userType']
  t.same(school.checkNew(student, { userType: 'student', author: 'user' }), { traits: student, errors: null })
  t.same(errorsOf(school.checkNew({}, { userType: 'parent', author: 'user' })), {
    '/traits/phone': 'is required',
  })
  for (const userType of [null, 'teacher', 'Student', '', 'constructor'])
    t.same(typeError(school, userType, 'user'), 'must be one of student, parent', String(userType))
  t.same(typeError(school, 'teacher', 'admin'), undefined)
  t.same(typeError(school, 'head', 'admin'), 'must be one of student, parent, teacher')
  t.same(typeError(school, null, 'admin'), 'must be one of student, parent, teacher')
  const staff = await loadTraitsOf(
    t,
    withTrait(true, { 'x-latchkey-user-types': { staff: { 'x-latchkey-read-only': true } } }),
  )
  t.same(typeError(staff, null, 'user'), undefined)
  t.same(typeError(staff, 'staff', 'user'), 'must be left out')
})

t.test('what only admins set is set by admins, and stays when the user changes the rest', async (t) => {
  const stored = { ...student, rollNumber: '2024-001', notes: 'allergic to nuts' }
  t.same(school.shownToUser(stored), { ...student, rollNumber: '2024-001' })
  t.same(errorsOf(school.check({ ...student, rollNumber: '2024-001', notes: 'x' }, asUser)), {
    '/traits/rollNumber': 'is set by administrators only',
    '/traits/notes': 'is not known',
  })
  t.same(errorsOf(school.check(stored, asAdmin)), {})
  const asOwner = { ...asUser, stored }
  t.same(school.check({ ...student, grade: 6 }, asOwner), { traits: { ...stored, grade: 6 }, errors: null })
  t.same(
    school.check({ ...student, rollNumber: '2024-001' }, asOwner),
    { traits: stored, errors: null },
    'as it was shown',
  )
  t.same(errorsOf(school.check({ ...student, rollNumber: '2024-002' }, asOwner)), {
    '/traits/rollNumber': 'is set by administrators only',
  })
  t.same(errorsOf(school.check({ ...student, notes: stored.notes }, asOwner)), {
    '/traits/notes': 'is not known',
  })
  // An admin sees all, and replaces all.
  t.same(school.check(student, { ...asAdmin, stored }), { traits: student, errors: null })
  // What only admins can mend, after a change of the schema.
  const misfit = { ...stored, rollNumber: 'old 1', notes: 'x'.repeat(2001) }
  t.same(errorsOf(school.check({ ...student, grade: 13 }, { ...asUser, stored: misfit })), {
    '/traits/grade': 'must be at most 12',
  })
  t.same(school.check({ ...student, grade: 6 }, { ...asUser, stored: misfit }), {
    traits: { ...misfit, grade: 6 },
    errors: null,
  })
  t.same(Object.keys(errorsOf(school.check(misfit, { ...asAdmin, stored: misfit }))).toSorted(), [
    '/traits/notes',
    '/traits/rollNumber',
  ])
  // What the user does is measured by what admins have set, which a refusal does not tell.
  const bound = await loadTraitsOf(
    t,
    `{ "type": "object",
       "properties": { "amount": { "type": "integer" }, "blocked": { "type": "boolean", "x-latchkey-private": true } },
       "if": { "properties": { "amount": { "type": "integer", "minimum": 100 } }, "required": ["amount"] },
       "then": { "properties": { "blocked": { "const": false } } } }`,
  )
  const blocked = { author: 'user', userType: null, stored: { amount: 1, blocked: true } } as const
  t.same(errorsOf(bound.check({ amount: 5 }, blocked)), {})
  t.same(errorsOf(bound.check({ amount: 500 }, blocked)), { '/traits': 'is not allowed' })
  // Left from when the user was of another type: kept, and no reason to refuse.
  const formerTeacher = { ...stored, employeeId: 'T123' }
  t.same(school.check({ ...student, grade: 6 }, { ...asUser, stored: formerTeacher }), {
    traits: { ...formerTeacher, grade: 6 },
    errors: null,
  })
})

t.test('values are filed as they are compared', async (t) => {
  const filed = accounting.toFile({
    phone: '+919876543210',
    company: ' ＵＮＩＦＡＢ Straße ',
    gstin: '',
    pan: 'AAAPL1234C',
  })
  t.same(filed, [
    { name: 'phone', value: '+919876543210', isUnique: true, isSearchable: true },
    { name: 'company', value: 'unifab straße', isUnique: false, isSearchable: true },
  ])
  const numbers = await loadTraitsOf(t, withTrait({ type: 'number', 'x-latchkey-unique': true }))
  t.same(numbers.toFile({ a: 1.5 }), [{ name: 'a', value: '1.5', isUnique: true, isSearchable: false }])
  const long = await loadTraitsOf(t, withTrait({ type: 'string', maxLength: 256, 'x-latchkey-unique': true }))
  // One character, and eighteen once it is comparable.
  t.same(errorsOf(long.check({ a: '\u{FDFA}'.repeat(20) }, asUser)), { '/traits/a': 'is too long' })
})

t.test('with or without a schema there are bounds', async (t) => {
  const open = await loadTraitsOf(t, { type: 'object', additionalProperties: true })
  const free = await loadTraits(null)
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { n: nested(depth - 1) })
  const cases: [traits: Record<string, unknown>, path: string, message: string][] = [
    [{ blob: 'é'.repeat(8200) }, '/traits', 'must have at most 16384 bytes'],
    [
      Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`n${index}`, 1])),
      '/traits',
      'must have at most 64 fields',
    ],
    [{ ['n'.repeat(65)]: 1 }, '/traits', 'must have names of at most 64 characters'],
    [{ a: nested(9) }, '/traits', 'must not be nested so deeply'],
    [{ 'a/b': ['x', { c: 'nul \0' }] }, '/traits/a~1b/1/c', 'has characters that are not allowed'],
    [{ a: { '\ud800': 1 } }, '/traits/a', 'has characters that are not allowed'],
  ]
  for (const traits of [open, free]) {
    t.same(errorsOf(traits.check({ a: nested(8), b: 'ok' }, asUser)), {})
    t.same(errorsOf(traits.checkNew({ b: 'ok' }, { author: 'user', userType: 'anything' })), {})
    for (const [given, path, message] of cases)
      t.same(errorsOf(traits.check(given, asUser)), { [path]: message })
  }
})
