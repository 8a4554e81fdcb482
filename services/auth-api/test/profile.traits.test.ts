// Attacks: giving oneself a type or a trait that only admins give, reading what they keep, taking a number that is another's, filling an
// account with what nobody asked for.
import { usersWithTraitLike } from '@latchkey/platform/traits/queries'
import { resolve } from 'node:path'
import t from 'tap'
import { countRows, isAlive, signIn, signUp } from './support/accounts.js'
import { findLinkToken } from './support/mail-links.js'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const sampleSchema = (name: string) =>
  resolve(import.meta.dirname, `../../../docs/traits/${name}.schema.json`)
const school = await createTestApp(t, { traitsSchema: sampleSchema('school') })
const { database } = school
const accounting = await createTestApp(t, { traitsSchema: sampleSchema('accounting') }, { database })

const student = () => ({ phone: '+919876543210', grade: 5, guardianEmail: newEmail() })
let numbers = 0

/** What a business needs, each time with a phone number and a GSTIN of its own. */
function business() {
  numbers += 1
  const gstin = `27AAPFU${String(numbers).padStart(4, '0')}F1Z`
  return {
    phone: `+9198765${String(numbers).padStart(5, '0')}`,
    company: 'Unifab',
    gstin: gstin + checkDigitOf(gstin),
  }
}

/** As the GST Network describes it; the test of the format has published numbers. */
function checkDigitOf(digits: string): string {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
  const products = Array.from(digits, (digit, index) => alphabet.indexOf(digit) * (1 + (index % 2)))
  const sum = products.reduce((total, product) => total + Math.floor(product / 36) + (product % 36), 0)
  return alphabet.charAt((36 - (sum % 36)) % 36)
}

/** What admins alone set, as they set it. */
async function setTraits(userId: string, traits: object): Promise<void> {
  await school.db`UPDATE users SET traits = traits || ${JSON.stringify(traits)}::text::jsonb WHERE id = ${userId}`
}

t.test(
  'a registration has the traits of its type, and what it may not have leaves nothing behind',
  async (t) => {
    const before = await countRows(school)
    const refusals: [body: object, errors: object[]][] = [
      [
        { userType: 'student' },
        [{ path: '/traits/grade' }, { path: '/traits/guardianEmail' }, { path: '/traits/phone' }],
      ],
      [
        { userType: 'student', traits: { ...student(), grade: '5' } },
        [{ path: '/traits/grade', message: 'must be a whole number' }],
      ],
      [
        { userType: 'student', traits: { ...student(), rollNumber: '2024-001' } },
        [{ path: '/traits/rollNumber' }],
      ],
      [
        { userType: 'student', traits: { ...student(), notes: 'x' } },
        [{ path: '/traits/notes', message: 'is not known' }],
      ],
      [
        { userType: 'student', traits: { ...student(), isAdmin: true } },
        [{ path: '/traits/isAdmin', message: 'is not known' }],
      ],
      [{ userType: 'teacher', traits: { phone: '+919876543210' } }, [{ path: '/userType' }]],
      [{ traits: student() }, [{ path: '/userType', message: 'must be one of student, parent' }]],
    ]
    for (const [body, errors] of refusals) {
      const answer = await school.api('POST', '/register', { body: { email: newEmail(), password, ...body } })
      t.match(answer, { status: 400, body: { code: 'validation_failed' } })
      const told = (answer.body['errors'] as { path: string }[]).filter(({ path }) => path !== '')
      t.match(told.toSorted((one, other) => (one.path < other.path ? -1 : 1)).slice(0, errors.length), errors)
    }
    t.same(await countRows(school), before)
    const traits = student()
    const { user } = await signUp(school, { email: newEmail(), userType: 'student', traits })
    t.match(user, { userType: 'student', traits })
  },
)

t.test('what is private to admins is in no answer to the user, and stays', async (t) => {
  const email = newEmail()
  const session = await signUp(school, { email, userType: 'student', traits: student() })
  const { user } = session
  await setTraits(user.id, { notes: 'allergic to nuts', rollNumber: '2024-001' })
  const shown = { ...user.traits, rollNumber: '2024-001' }

  const me = await school.api('GET', '/me', { token: session.accessToken })
  t.same(me.body['traits'], shown)
  t.same((await signIn(school, { email })).user.traits, shown)
  const refreshed = await school.api('POST', '/refresh', { body: { refreshToken: session.refreshToken } })
  t.same((refreshed.body['user'] as typeof user).traits, shown)

  const patch = (traits: object) =>
    school.api('PATCH', '/me', { token: session.accessToken, body: { traits } })
  const changed = await patch({ ...shown, grade: 6 })
  t.equal(changed.status, 200)
  t.same(changed.body['traits'], { ...shown, grade: 6 })
  t.match(await patch({ ...shown, rollNumber: '2024-002' }), {
    status: 400,
    body: { errors: [{ path: '/traits/rollNumber', message: 'is set by administrators only' }] },
  })
  t.match(await patch({ ...shown, notes: '' }), {
    status: 400,
    body: { errors: [{ path: '/traits/notes', message: 'is not known' }] },
  })
  const [row] = await school.db<{ traits: object }[]>`SELECT traits FROM users WHERE id = ${user.id}`
  t.same(row?.traits, { ...shown, grade: 6, notes: 'allergic to nuts' })
  t.same(await isAlive(school, session), { access: true, refresh: true }, 'nothing of this ends a session')
})

t.test('what an admin sets at the same moment is never put back', async (t) => {
  const { user, accessToken } = await signUp(accounting, {
    email: newEmail(),
    userType: 'business',
    traits: business(),
  })
  for (let round = 0; round < 20; round += 1) {
    const risk = { plan: round % 2 === 0 ? 'audit' : 'standard', risk: round }
    const [answer] = await Promise.all([
      accounting.api('PATCH', '/me', {
        token: accessToken,
        body: { traits: { ...user.traits, company: `Unifab ${round}` } },
      }),
      setTraits(user.id, risk),
    ])
    t.equal(answer.status, 200)
    const [row] = await accounting.db<{ traits: object }[]>`SELECT traits FROM users WHERE id = ${user.id}`
    t.same(row?.traits, { ...user.traits, company: `Unifab ${round}`, ...risk })
  }
})

t.test('the page of the API shows what people give, and nothing of what admins keep', async (t) => {
  const { body } = await school.api('GET', '/api-docs/openapi.json')
  const asked = {
    title: 'student',
    required: ['phone', 'grade', 'guardianEmail'],
    properties: {
      phone: { format: 'phone' },
      address: { properties: { city: { maxLength: 100 } } },
      rollNumber: { readOnly: true },
    },
  }
  const traits = { anyOf: [asked, { title: 'parent' }] }
  const schema = { properties: { userType: { enum: ['student', 'parent'] }, traits } }
  const post = { requestBody: { content: { 'application/json': { schema } } } }
  t.match(body, { paths: { '/api/v1/auth/register': { post } } })
  t.notMatch(JSON.stringify(body), /notes|employeeId|x-latchkey|\$defs/)
})

t.test(
  'of twenty registrations with one number at once exactly one wins, and the rest leave nothing',
  async (t) => {
    const { gstin } = business()
    const before = await countRows(accounting)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        accounting.api('POST', '/register', {
          body: { email: newEmail(), password, userType: 'business', traits: { ...business(), gstin } },
        }),
      ),
    )
    t.equal(answers.filter(({ status }) => status === 201).length, 1)
    const losers = answers.filter(({ status }) => status !== 201)
    for (const loser of losers) {
      t.match(loser, {
        status: 409,
        body: { code: 'trait_taken', errors: [{ path: '/traits/gstin', message: 'is in use' }] },
      })
      t.notMatch(JSON.stringify(loser.body), gstin)
    }
    const after = await countRows(accounting)
    t.equal(after.users, before.users + 1)
    t.equal(after.sessions, before.sessions + 1)
  },
)

t.test('a unique value is another’s until its owner lets go of it', async (t) => {
  const [first, second] = [business(), business()]
  const owner = await signUp(accounting, { email: newEmail(), userType: 'business', traits: first })
  const other = await signUp(accounting, { email: newEmail(), userType: 'business', traits: second })
  const patch = (token: string, traits: object) => accounting.api('PATCH', '/me', { token, body: { traits } })

  t.match(await patch(other.accessToken, { ...second, gstin: first.gstin }), {
    status: 409,
    body: { code: 'trait_taken', errors: [{ path: '/traits/gstin' }] },
  })
  t.same((await accounting.api('GET', '/me', { token: other.accessToken })).body['traits'], second)
  t.equal(
    (await patch(owner.accessToken, { ...first, company: 'New name' })).status,
    200,
    'one’s own is no other’s',
  )
  t.equal((await patch(owner.accessToken, { ...first, gstin: business().gstin })).status, 200)
  t.equal((await patch(other.accessToken, { ...second, gstin: first.gstin })).status, 200)

  // Two who swap at once: neither, or one after the other, and never both with one number.
  await Promise.all([
    patch(owner.accessToken, { ...first, gstin: first.gstin }),
    patch(other.accessToken, { ...second, gstin: second.gstin }),
  ])
  const filed = await accounting.db<{ value: string }[]>`
    SELECT value FROM trait_values WHERE name = 'gstin' AND user_id IN (${owner.user.id}, ${other.user.id})`
  t.equal(new Set(filed.map(({ value }) => value)).size, 2)
})

t.test('searchable traits are found by how they begin, and a search is only text', async (t) => {
  const traits = { ...business(), company: '100% Ｃotton_Mills' }
  const { user } = await signUp(accounting, { email: newEmail(), userType: 'business', traits })
  const found = async (text: string) => {
    const { sql } = accounting.deps
    return (await sql<{ userId: string }[]>`${usersWithTraitLike(sql, text)}`).map(({ userId }) => userId)
  }
  for (const text of ['100% cotton_m', '100% COTTON', traits.phone, traits.gstin.slice(0, 14)])
    t.same(await found(text), [user.id], text)
  for (const text of ['100_', '1%0', 'cotton', '\\', "' OR true --"]) t.same(await found(text), [], text)
  const { sql } = accounting.deps
  await sql.begin(async (inner) => {
    await inner`SELECT set_config('enable_seqscan', 'off', true)`
    const plan = await inner<{ queryPlan: string }[]>`EXPLAIN ${usersWithTraitLike(inner, 'x')}`
    t.match(JSON.stringify(plan), /trait_values_value_idx/)
  })
})

t.test('where addresses are proven first, registering tells nobody which numbers are taken', async (t) => {
  const verifying = await createTestApp(
    t,
    { traitsSchema: sampleSchema('accounting'), requireEmailVerification: true },
    { database },
  )
  const taken = business()
  await signUp(accounting, { email: newEmail(), userType: 'business', traits: taken })
  const register = (email: string, traits: object) =>
    verifying.api('POST', '/register', { body: { email, password, userType: 'business', traits } })
  const verify = async (email: string) =>
    verifying.api('POST', '/verify-email', {
      body: { token: await findLinkToken(verifying, 'complete_registration', email) },
    })

  const [first, second] = [newEmail(), newEmail()]
  const answers = [await register(first, taken), await register(second, business())]
  t.equal(answers[0]?.status, 202)
  t.same(answers[0]?.body, answers[1]?.body)
  t.match(await verify(first), { status: 409, body: { code: 'trait_taken' } }, 'whose mailbox it is may know')
  t.equal((await verify(second)).status, 204)
})
