/** A rule that never fires is a comment: each arrow between rooms is broken here once, in a throw-away tree, and lint must say so. */
// Alone: it changes its process.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../../..')
const feature = 'services/auth-api/src/features/login'
const arrows = 'latchkey(arrows)'
const sql = 'latchkey(sql-in-queries)'

const broken: readonly [file: string, source: string, rule: string][] = [
  ['packages/contracts/src/a.ts', `import 'node:fs'`, arrows],
  ['packages/contracts/src/b.ts', `import type { Sql } from '@latchkey/platform/database/client'`, arrows],
  ['packages/client/src/a.ts', `import type { Sql } from '@latchkey/platform/database/client'`, arrows],
  ['packages/client/src/b.ts', `import type { Static } from 'typebox'`, arrows],
  ['packages/client/src/c.ts', `import { securityEventTypes } from '@latchkey/contracts/events'`, arrows],
  ['packages/platform/src/logging/g.ts', `import { createClient } from '@latchkey/client'`, arrows],
  ['services/worker/src/d.ts', `import { login } from '@latchkey/client/routes'`, arrows],
  ['packages/platform/src/logging/a.ts', `import { buildApp } from '@latchkey/auth-api/app'`, arrows],
  ['packages/platform/src/logging/b.ts', `import type { FastifyInstance } from 'fastify'`, arrows],
  ['packages/platform/src/logging/c.ts', `import postgres from 'postgres'`, arrows],
  ['packages/platform/src/logging/d.ts', `import { Redis } from 'ioredis'`, arrows],
  ['packages/platform/src/logging/e.ts', `import { build } from '../../../contracts/src/errors.js'`, arrows],
  ['packages/platform/src/logging/f.ts', `import { cluster } from '../../test/support/cluster.js'`, arrows],
  ['packages/devstack/src/a.ts', `import { buildApp } from '@latchkey/auth-api/app'`, arrows],
  [
    'services/auth-api/src/a.ts',
    `import { startPostgres } from '@latchkey/devstack/servers/postgres'`,
    arrows,
  ],
  ['services/auth-api/src/b.ts', `export { runWorker } from '@latchkey/worker/worker'`, arrows],
  ['services/auth-api/src/c.ts', `export const worker = import('@latchkey/worker/worker')`, arrows],
  ['services/auth-api/src/d.ts', `export type Worker = import('@latchkey/worker/worker').Worker`, arrows],
  ['services/auth-api/src/e.ts', `import { execFile } from 'node:child_process'`, arrows],
  ['services/auth-api/src/f.ts', `import { connectRedis } from '@latchkey/platform/redis/client'`, arrows],
  ['services/auth-api/src/g.ts', `import * as database from '@latchkey/platform/database/client'`, arrows],
  ['services/auth-api/src/h.ts', `import type { FastifyRequest } from 'fastify'`, arrows],
  ['services/auth-api/test/a.ts', `import { runWorker } from '@latchkey/worker/worker'`, arrows],
  ['services/worker/src/a.ts', `import { buildApp } from '@latchkey/auth-api/app'`, arrows],
  ['services/worker/src/b.ts', `import { buildApp } from '../../auth-api/src/app.js'`, arrows],
  ['services/worker/src/c.ts', `import fastify from 'fastify'`, arrows],
  ['services/worker/src/jobs/relay/a.ts', `import { deleteExpired } from '../clean/queries.js'`, arrows],
  ['services/worker/src/jobs/relay/b.ts', `import type { FastifyInstance } from 'fastify'`, arrows],
  ['services/auth-api/src/plugins/a.ts', `import { login } from '../features/login/login.js'`, arrows],
  [`${feature}/a.ts`, `import { insertUser } from '../registration/queries.js'`, arrows],
  [`${feature}/nested/a.ts`, `import { insertUser } from '../../registration/queries.js'`, arrows],
  [`${feature}/b.ts`, `import { register } from '../registration/routes.js'`, arrows],
  [`${feature}/c.ts`, `import { buildApp } from '../../app.js'`, arrows],
  [`${feature}/d.ts`, `import type { FastifyRequest } from 'fastify'`, arrows],
  [`${feature}/e.ts`, `import type { App } from '../../app-types.js'`, arrows],
  [`${feature}/queries.ts`, `import type { FastifyRequest } from 'fastify'`, arrows],
  [`${feature}/f.ts`, 'export const f = (sql: Sql) => sql`SELECT 1`', sql],
  [`${feature}/g.ts`, 'export const g = (deps: Deps) => deps.sql`SELECT 1`', sql],
  [`${feature}/h.ts`, 'export const h = (q: Sql) => q`DELETE FROM users`', sql],
  [`${feature}/i.ts`, `export const i = (q: Sql) => q.unsafe('anything')`, sql],
  [`${feature}/j.ts`, `export const j = 'update users set name = null'`, sql],
  [`${feature}/routes.ts`, 'export const r = (tx: Sql) => tx`UPDATE users SET name = null`', sql],
  ['services/auth-api/src/deps.ts', `export const url = process.env['DATABASE_URL']`, 'node(no-process-env)'],
  [`${feature}/k.ts`, `import { env } from 'node:process'`, 'eslint(no-restricted-imports)'],
  [`${feature}/l.ts`, 'export const l = Math.random()', 'eslint(no-restricted-properties)'],
  [`${feature}/m.ts`, `export const m = eval('1')`, 'eslint(no-eval)'],
  [`${feature}/n.ts`, `export const n = new Function('return 1')`, 'eslint(no-new-func)'],
  [`${feature}/o.ts`, `console.log('here')`, 'eslint(no-console)'],
  [`${feature}/p.ts`, 'export const p = (value: any) => value', 'typescript(no-explicit-any)'],
  [`${feature}/q.ts`, 'export default 1', 'import(no-default-export)'],
  [`${feature}/tooLoud.ts`, 'export const s = 1', 'unicorn(filename-case)'],
  [`${feature}/t.ts`, 'export const t = async () => 1\nt()', 'typescript(no-floating-promises)'],
  [`${feature}/u.ts`, 'const { u } = JSON.parse("{}")\nexport { u }', 'typescript(no-unsafe-assignment)'],
]

const sound: readonly [file: string, source: string][] = [
  ['packages/contracts/src/ok.ts', `export { Type } from 'typebox'`],
  ['packages/client/src/ok.ts', `export type { User } from '@latchkey/contracts/http/answers'`],
  ['packages/platform/src/database/ok.ts', `export { default as postgres } from 'postgres'`],
  ['packages/platform/src/queue/ok.ts', `export { Redis } from 'ioredis'`],
  ['packages/devstack/src/ok.ts', `export { migrate } from '@latchkey/platform/database/migrate'`],
  ['services/auth-api/test/ok.ts', `export { startPostgres } from '@latchkey/devstack/servers/postgres'`],
  [
    'services/auth-api/src/server.ts',
    `export { buildApp } from './app.js'\nexport const port = process.env['PORT']`,
  ],
  ['services/auth-api/src/type-ok.ts', `export type { Sql } from '@latchkey/platform/database/client'`],
  ['services/worker/src/deps.ts', `export { connectDatabase } from '@latchkey/platform/database/client'`],
  ['services/worker/src/http.ts', `export { default as fastify } from 'fastify'`],
  ['services/auth-api/src/plugins/ok.ts', `export { default as plugin } from 'fastify-plugin'`],
  [
    'services/auth-api/src/features/passwords/hashing-process.ts',
    `export { fork } from 'node:child_process'`,
  ],
  ['services/worker/src/backups/run-program.ts', `export { spawn } from 'node:child_process'`],
  ['services/auth-api/src/features/profile/index.ts', `export type { App } from '../../app-types.js'`],
  [
    'services/auth-api/src/features/profile/ok.ts',
    `export { openSession } from '../sessions/open-session.js'`,
  ],
  ['services/auth-api/src/features/profile/queries.ts', 'export const find = (sql: Sql) => sql`SELECT 1`'],
  ['services/auth-api/src/features/profile/routes.ts', `export { find } from './queries.js'`],
]

interface Report {
  diagnostics: { code: string; filename: string }[]
}

async function lint(directory: string): Promise<Map<string, Set<string>>> {
  const stdout = await new Promise<string>((done, fail) => {
    const oxlint = join(root, 'node_modules/oxlint/dist/cli.js') // bin/oxlint has no extension, which tap's loader cannot take
    execFile(
      process.execPath,
      [oxlint, '--type-aware', '--format=json', 'packages', 'services'],
      { cwd: directory, maxBuffer: 16 * 1024 * 1024 },
      (error, out, diagnostics) => (out === '' ? fail(error ?? new Error(diagnostics)) : done(out)),
    )
  })
  const report = JSON.parse(stdout) as Report
  const codes = new Map<string, Set<string>>()
  for (const { filename, code } of report.diagnostics)
    codes.set(filename, (codes.get(filename) ?? new Set()).add(code))
  return codes
}

t.test('every broken arrow is an error, and every allowed one is not', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-architecture-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  for (const part of ['.oxlintrc.json', 'lint', 'tsconfig.base.json'])
    await cp(join(root, part), join(directory, part), { recursive: true })
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'))
  await writeFile(
    join(directory, 'tsconfig.json'),
    '{ "extends": "./tsconfig.base.json", "include": ["packages", "services"] }',
  )
  for (const [file, source] of [...broken, ...sound]) {
    await mkdir(dirname(join(directory, file)), { recursive: true })
    await writeFile(join(directory, file), source)
  }

  const codes = await lint(directory)

  for (const [file, source, rule] of broken)
    t.ok(codes.get(file)?.has(rule), `${file}: ${source}`, {
      expected: rule,
      found: [...(codes.get(file) ?? [])],
    })
  const ours = new Set(broken.map(([, , rule]) => rule))
  for (const [file, source] of sound)
    t.same(
      [...(codes.get(file) ?? [])].filter((code) => ours.has(code)),
      [],
      `${file}: ${source}`,
    )
})
