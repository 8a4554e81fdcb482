// Attacks: a row that gets into the table though registration would refuse it, or that stops the rows behind it, or that fills the memory.
import { freeTraits } from '@latchkey/platform/traits/free-traits'
import { FileRefusal } from '@latchkey/worker/imports/csv-records'
import { readCsvRows } from '@latchkey/worker/imports/csv-rows'
import { maxRowBytes, type GivenRow } from '@latchkey/worker/imports/given-row'
import { checkRow } from '@latchkey/worker/imports/imported-row'
import { readJsonLines } from '@latchkey/worker/imports/json-lines'
import t from 'tap'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const rules = { traits: freeTraits, mayHaveRoles: false, hasFirebaseSignerKey: false }

async function all(rows: AsyncIterable<GivenRow>): Promise<GivenRow[]> {
  const read: GivenRow[] = []
  for await (const row of rows) read.push(row)
  return read
}

/** The same bytes, cut into pieces of `size`. */
async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

const linesOf = (text: string | Buffer, size = 7): Promise<GivenRow[]> =>
  all(readJsonLines(cut(Buffer.from(text), size)))
const cellsOf = (text: string | Buffer, size = 7): Promise<GivenRow[]> =>
  all(readCsvRows(cut(Buffer.from(text), size)))

t.test('JSON lines are the same however the bytes are cut', async (t) => {
  const text =
    '\ufeff{"email":"é@example.com"}\r\n\n  {"email":"b@example.com"}  \n{"a":\n"text"\n{"email":"c"}'
  const expected = [
    { line: 1, value: { email: 'é@example.com' }, fault: null },
    { line: 3, value: { email: 'b@example.com' }, fault: null },
    { line: 4, value: '{"a":', fault: 'is not JSON' },
    { line: 5, value: 'text', fault: null },
    { line: 6, value: { email: 'c' }, fault: null },
  ]
  for (let size = 1; size < 40; size += 1) t.same(await linesOf(text, size), expected)
  t.same(await linesOf(''), [])
})

t.test('a line that is too long or no UTF-8 is told of, and those behind it are read', async (t) => {
  const long = Buffer.concat([
    Buffer.alloc(maxRowBytes * 3, 'x'),
    Buffer.from('\n{}\n'),
    Buffer.of(0xff, 0x0a),
    Buffer.from('[]'),
  ])
  t.same(await linesOf(long, 1000), [
    { line: 1, value: null, fault: 'has more than 131072 bytes' },
    { line: 2, value: {}, fault: null },
    { line: 3, value: null, fault: 'is not UTF-8' },
    { line: 4, value: [], fault: null },
  ])
  t.match(await linesOf(Buffer.alloc(maxRowBytes + 1, 'x'), 1000), [{ line: 1, fault: /bytes/ }])
})

t.test('CSV as RFC 4180 has it: quotes, line breaks in cells, any order of columns', async (t) => {
  const text =
    '\ufeffname,email,emailVerified,roles,traits\r\n"Alice ""Al"" P.\r\nLiddell",a@example.com,true,,\r\n' +
    ',b@example.com,false,user editor,"{""grade"":7}"\r\n\r\nBob,c@example.com,TRUE,,{broken\r\n'
  const expected = [
    {
      line: 2,
      value: { name: 'Alice "Al" P.\r\nLiddell', email: 'a@example.com', emailVerified: true },
      fault: null,
    },
    {
      line: 4,
      value: {
        email: 'b@example.com',
        emailVerified: false,
        roles: ['user', 'editor'],
        traits: { grade: 7 },
      },
      fault: null,
    },
    {
      line: 6,
      value: { name: 'Bob', email: 'c@example.com', emailVerified: 'TRUE', traits: '{broken' },
      fault: null,
    },
  ]
  for (let size = 1; size < 60; size += 1) t.same(await cellsOf(text, size), expected)
  t.same(
    await cellsOf(text.replaceAll('\r\n', '\n').replace('P.\n', 'P.\r\n')),
    expected,
    'LF alone ends a line, too',
  )
  t.same(await cellsOf(text.trimEnd()), expected, 'and the end of the file')
})

t.test('a CSV row with too many cells is told of, and those behind it are read', async (t) => {
  const rows = await cellsOf(
    'email,name\na@example.com,A\nb@example.com,B,more\nc@example.com\nd@example.com,D\n',
  )
  t.match(
    rows.map(({ line, fault }) => [line, fault]),
    [
      [2, null],
      [3, 'has 3 cells where there are 2 columns'],
      [4, 'has 1 cells where there are 2 columns'],
      [5, null],
    ],
  )
  t.match(await cellsOf(Buffer.from('email,name\na@example.com,\xff\n', 'latin1')), [
    { fault: 'is not UTF-8' },
  ])
})

t.test('behind a stray quote nothing is taken for a row', async (t) => {
  const stray: [row: string, message: string][] = [
    ['b@example.com,"B"x\n', 'line 3 begins a row with a stray quote or CR'],
    ['b@example.com,B"x\n', 'line 3 begins a row with a stray quote or CR'],
    ['b@example.com,B\rx\n', 'line 3 begins a row with a stray quote or CR'],
    ['b@example.com,"B\n', 'line 3 begins a cell whose quote is never closed'],
    [`b@example.com,"B\n${'x'.repeat(200_000)}`, 'line 3 begins a row of more than 131072 bytes'],
  ]
  for (const [row, message] of stray) {
    const text = `email,name\na@example.com,A\n${row}c@example.com,C\n`
    const read: GivenRow[] = []
    const reading = async () => {
      for await (const given of readCsvRows(cut(Buffer.from(text), 1000))) read.push(given)
    }
    await t.rejects(reading(), new FileRefusal(message))
    t.match(read, [{ value: { email: 'a@example.com' } }])
    t.equal(read.length, 1)
  }
})

t.test('a CSV whose columns nobody knows is refused as a whole', async (t) => {
  for (const text of ['', 'email,password\na,b\n', 'a@example.com,Alice\n', 'email,email\na,b\n'])
    await t.rejects(cellsOf(text), new FileRefusal(), text)
})

t.test('a row makes the user that registration would make', (t) => {
  const full = {
    email: ' Alice@EXAMPLE.com ',
    username: 'Alice.L',
    name: 'Alice',
    userType: 'reader',
    traits: { grade: 7 },
    locale: 'pt-BR',
    passwordHash: hash,
    emailVerified: true,
    createdAt: '2020-02-29T12:00:00+02:00',
    disabled: true,
  }
  t.match(checkRow(3, full, rules), {
    errors: null,
    user: {
      line: 3,
      row: full,
      email: 'Alice@example.com',
      username: 'alice.l',
      name: 'Alice',
      userType: 'reader',
      roles: ['user'],
      traits: { grade: 7 },
      locale: 'pt-BR',
      passwordHash: hash,
      isVerified: true,
      createdAt: '2020-02-29T12:00:00+02:00',
      isDisabled: true,
    },
  })
  const least = { email: 'b@example.com', name: null, passwordHash: null, traits: null }
  t.match(checkRow(4, least, rules), {
    errors: null,
    user: {
      username: null,
      name: null,
      passwordHash: null,
      traits: {},
      isVerified: false,
      createdAt: null,
      isDisabled: false,
    },
  })
  t.end()
})

t.test('what is wrong with a row is told by its field', (t) => {
  const email = 'a@example.com'
  const refused: [row: unknown, path: string, message: RegExp][] = [
    [null, '', /must be object/],
    ['text', '', /must be object/],
    [[], '', /must be object/],
    [{}, '', /required property 'email'/],
    [{ email: null }, '', /required property 'email'/],
    [{ email, isAdmin: true }, '', /additional properties/],
    [JSON.parse(`{"email":"${email}","__proto__":{"roles":["admin"]}}`), '', /additional properties/],
    [{ email: 'a@b@example.com' }, '/email', /no.? e-mail address|not an e-mail/],
    [{ email: 'a\u0000@example.com' }, '/email', /not an e-mail/],
    [{ email, username: 'a b' }, '/username', /pattern/],
    [{ email, name: 'A\u202eB' }, '/name', /pattern/],
    [{ email, name: 'A\u0000' }, '/name', /pattern/],
    [{ email, locale: 'no language' }, '/locale', /pattern/],
    [{ email, roles: ['admin'] }, '/roles', /--allow-roles/],
    [{ email, roles: 'admin' }, '/roles', /array/],
    [{ email, traits: 'x' }, '/traits', /object/],
    [{ email, traits: { a: '\u0000' } }, '/traits/a', /not allowed/],
    [{ email, traits: { a: '\ud800' } }, '/traits/a', /not allowed/],
    [{ email, emailVerified: 'TRUE' }, '/emailVerified', /boolean/],
    [{ email, createdAt: '2020-02-30T00:00:00Z' }, '/createdAt', /date-time/],
    [{ email, createdAt: 1_582_934_400_000 }, '/createdAt', /string/],
    [{ email, createdAt: '2999-01-01T00:00:00Z' }, '/createdAt', /future/],
    [{ email, passwordHash: '5f4dcc3b5aa765d61d8327deb882cf99' }, '/passwordHash', /known form/],
    [{ email, passwordHash: hash.replace('$10$', '$31$') }, '/passwordHash', /a second of work/],
    [
      {
        email,
        passwordHash:
          '$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
      },
      '/passwordHash',
      /a second of work/,
    ],
    [
      {
        email,
        passwordHash:
          '$argon2id$v=19$m=256,t=2,p=1,keyid=AAAAAAAA$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
      },
      '/passwordHash',
      /pepper/,
    ],
    [
      { email, passwordHash: `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$42xEC+ixf3L2lw==$${'A'.repeat(86)}==` },
      '/passwordHash',
      /FIREBASE_SIGNER_KEY/,
    ],
  ]
  for (const [row, path, message] of refused) {
    const { errors } = checkRow(1, row, rules)
    t.match(errors, [{ path, message }], JSON.stringify(row))
    t.notMatch(JSON.stringify(errors), /\$2b|\$argon2|\$fbscrypt/, 'no hash in what is told')
  }
  t.match(
    checkRow(1, { email: 'nobody', passwordHash: 'md5', roles: ['x'] }, rules).errors,
    [{ path: '/email' }, { path: '/roles' }, { path: '/passwordHash' }],
    'everything at once',
  )
  t.end()
})

t.test('roles, and hashes without their key, are taken where the operator says so', (t) => {
  const roles = ['user', 'editor']
  t.match(checkRow(1, { email: 'a@example.com', roles }, { ...rules, mayHaveRoles: true }), {
    user: { roles },
  })
  t.match(checkRow(1, { email: 'a@example.com', roles: ['No'] }, { ...rules, mayHaveRoles: true }).errors, [
    { path: '/roles/0' },
  ])
  const passwordHash = `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$42xEC+ixf3L2lw==$${'A'.repeat(86)}==`
  t.match(checkRow(1, { email: 'a@example.com', passwordHash }, { ...rules, hasFirebaseSignerKey: true }), {
    errors: null,
  })
  t.end()
})
