// Attacks: an import that makes admins unasked, or people whom registration would refuse, or that says nothing of whom it left out.
// Alone: it starts servers and processes of its own.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import {
  bcryptHash,
  countUsers,
  createImportFiles,
  importEventsOf,
  importProgram,
  people,
  runImport,
} from './support/import-files.js'
import { runProgram } from './support/worker-process.js'

const { folder, fileOf } = await createImportFiles(t)
const shared = await createTestDatabase(t)

t.test(
  'good rows become users, bad ones are told of by line, and a second run changes nothing',
  async (t) => {
    const database = await createTestDatabase(t)
    const file = await fileOf('mixed.jsonl', [
      {
        email: 'Alice@Example.com',
        username: 'Alice',
        passwordHash: bcryptHash,
        emailVerified: true,
        createdAt: '2019-05-01T10:00:00Z',
        name: 'Alice',
        locale: 'de',
        traits: { grade: 7 },
      },
      { email: 'bob@example.com', disabled: true },
      '{"email":',
      { email: 'no address' },
      { email: 'carol@example.com', username: 'alice' },
      { email: 'ALICE@example.com', username: 'someone-else' },
      { email: 'dan@example.com', passwordHash: 'md5' },
      { email: 'eve@example.com', roles: ['user', 'admin'] },
    ])
    const first = await runImport(t, file, database)
    t.match(first, {
      code: 65,
      stderr: '',
      stdout:
        /^imported 2, there already 1, rejected 5 \(see .*mixed\.jsonl\.rejected\.jsonl\), in [\d.]+ s \(\d+ lines a second\)\n$/,
    })
    const rejected = (await readFile(`${file}.rejected.jsonl`, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number })
    t.match(
      rejected.toSorted((one, other) => one.line - other.line),
      [
        { line: 3, row: '{"email":', errors: [{ message: 'is not JSON' }] },
        { line: 4, errors: [{ path: '/email' }] },
        {
          line: 5,
          row: { email: 'carol@example.com', username: 'alice' },
          errors: [{ path: '/username', message: 'is in use' }],
        },
        { line: 7, errors: [{ path: '/passwordHash' }] },
        { line: 8, errors: [{ path: '/roles' }] },
      ],
    )
    t.equal((await stat(`${file}.rejected.jsonl`)).mode & 0o777, 0o600, 'it may hold hashes')

    const users = await database.owner`
    SELECT email, username, name, locale, roles, traits, created_at, email_verified_at IS NOT NULL AS is_verified,
      disabled_at IS NOT NULL AS is_disabled, password_hash
    FROM users u LEFT JOIN credentials c ON c.user_id = u.id ORDER BY email`
    t.match(users, [
      {
        email: 'Alice@example.com',
        username: 'alice',
        name: 'Alice',
        locale: 'de',
        roles: ['user'],
        traits: { grade: 7 },
        createdAt: new Date('2019-05-01T10:00:00Z'),
        isVerified: true,
        isDisabled: false,
        passwordHash: bcryptHash,
      },
      { email: 'bob@example.com', isVerified: false, isDisabled: true, passwordHash: null },
    ])
    const told = {
      fileName: 'mixed.jsonl',
      imported: 2,
      present: 1,
      rejected: 5,
      mayHaveRoles: false,
      isComplete: true,
    }
    t.match(await importEventsOf(database), [{ type: 'users.imported', severity: 'warning', data: told }])

    const second = await runImport(t, file, database)
    t.match(second, { code: 65, stdout: /^imported 0, there already 3, rejected 5/ })
    t.equal((await countUsers(database)).users, 2)
    t.equal((await importEventsOf(database)).length, 1, 'what brings nobody is no news')
  },
)

t.test('a CSV does what JSON lines do; roles are taken when the operator says so', async (t) => {
  const file = await fileOf('people.csv', [
    'email,name,roles,passwordHash,emailVerified',
    'frank@example.com,"Frank, the first",user editor,,true',
    `grace@example.com,Grace,,${bcryptHash},false`,
  ])
  t.match(await runImport(t, file, shared, ['--allow-roles']), {
    code: 0,
    stdout: /^imported 2, there already 0, rejected 0, in/,
  })
  const users =
    await shared.owner`SELECT name, roles FROM users WHERE email IN ('frank@example.com', 'grace@example.com') ORDER BY email`
  t.match(users, [
    { name: 'Frank, the first', roles: ['user', 'editor'] },
    { name: 'Grace', roles: ['user'] },
  ])
  await t.rejects(
    stat(`${file}.rejected.jsonl`),
    { code: 'ENOENT' },
    'no file of rejected rows when there is none',
  )
})

t.test('a dry run checks everything and changes nothing', async (t) => {
  const before = [await countUsers(shared), await importEventsOf(shared)]
  const taken = await fileOf('taken.jsonl', [{ email: 'hans@example.com', username: 'hans' }])
  t.match(await runImport(t, taken, shared), { code: 0 })
  const now = await countUsers(shared)
  const file = await fileOf('dry.jsonl', [
    { email: 'HANS@example.com' },
    { email: 'ida@example.com', username: 'hans' },
    { email: 'jo@example.com' },
    { email: 'nobody' },
  ])
  t.match(await runImport(t, file, shared, ['--dry-run']), {
    code: 65,
    stdout: /^would import 1, there already 1, rejected 2/,
  })
  t.same(await countUsers(shared), now)
  t.same(now.users, (before[0] as { users: number }).users + 1)
})

t.test('a value that must be unique keeps its second owner out, whoever the first one is', async (t) => {
  const database = await createTestDatabase(t)
  const schema = join(folder, 'traits.json')
  await writeFile(
    schema,
    JSON.stringify({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { badge: { type: 'string', maxLength: 20, 'x-latchkey-unique': true } },
      additionalProperties: false,
    }),
  )
  const file = await fileOf('badges.jsonl', [
    { email: 'k@example.com', traits: { badge: 'B-1' } },
    { email: 'l@example.com', traits: { badge: 'b-1' } },
    { email: 'm@example.com', traits: { badge: 'B-2' } },
    { email: 'n@example.com', traits: { colour: 'red' } },
  ])
  const env = { DATABASE_URL: database.url, TRAITS_SCHEMA: schema }
  t.match(await runProgram(t, importProgram, env, [file]), {
    code: 65,
    stdout: /^imported 2, there already 0, rejected 2/,
  })
  t.match(
    (await readFile(`${file}.rejected.jsonl`, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .toSorted(),
    [/"line":2.*"\/traits\/badge"/, /"line":4/],
  )
  t.same(
    (await database.owner`SELECT email FROM users ORDER BY email`).map(({ email }) => String(email)),
    ['k@example.com', 'm@example.com'],
  )
})

t.test(
  'an address that can still go back to its former account is not given away, and stops nobody beside it',
  async (t) => {
    const database = await createTestDatabase(t)
    t.match(await runImport(t, await fileOf('owner.jsonl', people(1)), database), { code: 0 })
    await database.owner`
    INSERT INTO one_time_tokens (id, token_hash, purpose, user_id, email, expires_at)
    SELECT uuid_v7(), decode(repeat('00', 32), 'hex'), 'undo_email_change', id, 'former@example.com', now() + interval '1 day' FROM users`
    const file = await fileOf('former.jsonl', [
      ...people(5, 10),
      { email: 'former@example.com' },
      ...people(5, 20),
    ])
    t.match(await runImport(t, file, database), {
      code: 65,
      stdout: /^imported 10, there already 0, rejected 1/,
    })
    t.match(await readFile(`${file}.rejected.jsonl`, 'utf8'), /"line":6,.*can still go back/)
  },
)

t.test('what cannot be run is said in one line', async (t) => {
  const file = await fileOf('one.jsonl', people(1))
  const refused: [args: string[], env: Record<string, string>, code: number, line: RegExp][] = [
    [[], {}, 64, /one FILE is to be given; usage: npm run users:import -- FILE/],
    [[file, '--format', 'xml'], {}, 64, /--format must be jsonl or csv/],
    [[join(folder, 'people')], {}, 64, /--format must be/],
    [[join(folder, 'none.jsonl')], {}, 66, /ENOENT/],
    [[file], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' }, 75, /PostgreSQL is away/],
    [[file], { TRAITS_SCHEMA: '/no/such.json' }, 78, /\/no\/such\.json/],
    [
      [await fileOf('columns.csv', ['email,password', 'a@example.com,b'])],
      {},
      65,
      /the columns password are not among/,
    ],
  ]
  const ended = await Promise.all(
    refused.map(([args, env]) => runProgram(t, importProgram, { DATABASE_URL: shared.url, ...env }, args)),
  )
  for (const [index, [, , code, line]] of refused.entries()) {
    t.match(ended[index], { code, stdout: '', stderr: line })
    t.match(ended[index]?.stderr, /^users:import: [^\n]+\n$/)
  }
})

t.test('neither service may import: it takes the owner of the database', async (t) => {
  const url = new URL(shared.url)
  t.teardown(() => shared.owner`DROP ROLE latchkey_import_test`)
  await shared.owner`CREATE ROLE latchkey_import_test LOGIN PASSWORD 'of a test' IN ROLE latchkey_worker, latchkey_api`
  url.username = 'latchkey_import_test'
  url.password = 'of a test'
  const ended = await runProgram(t, importProgram, { DATABASE_URL: url.href }, [
    await fileOf('nobody.jsonl', people(1, 999)),
  ])
  t.match(ended, {
    code: 1,
    stdout: '',
    stderr: /DATABASE_URL must be the one of the owner, which migrates\n$/,
  })
})
