/**
 * Which room may import which. Each entry forbids one kind of import and says why; `$1` in `to` is what the first group of `from` matched.
 * With `names`, only these may not be imported.
 * Paths are relative to the repository; packages read `npm:name`, Node's own modules `node:name`.
 */
export const forbidden = [
  {
    from: '^packages/contracts/src/',
    to: String.raw`^(?!packages/contracts/src/|npm:typebox$)`,
    because: 'contracts stand on typebox alone: types and schemas, no I/O',
  },
  {
    from: '^packages/platform/src/',
    to: '^(?:packages/(?!platform/|contracts/)|services/|npm:(?:fastify|fastify-plugin|@fastify/.*)$)',
    because: 'platform stands on contracts alone and knows no HTTP server',
  },
  {
    from: '^packages/client/src/',
    to: String.raw`^(?!packages/client/src/|packages/contracts/src/(?:http/[^/]+|errors)\.ts$)`,
    because: 'apps install the client alone: it stands on nothing but types of contracts',
  },
  {
    from: '^(?:packages/(?!client/)|services/)[^/]+/src/',
    to: '^packages/client/',
    because: 'the client is for apps, and nothing of ours leans on it',
  },
  {
    from: '^packages/devstack/src/',
    to: '^services/',
    because: 'devstack starts the services as processes, it does not link them',
  },
  {
    from: '^services/[^/]+/src/',
    to: '^packages/devstack/',
    because: 'devstack is for tests and the embedded start, a service never needs it',
  },
  {
    from: '^services/([^/]+)/',
    to: '^services/(?!$1/)',
    because: 'services meet in contracts and tables, never in code',
  },
  {
    from: '^(?:packages|services)/[^/]+/src/',
    to: '^(?:(?:packages|services)/[^/]+/(?:test|dist)/|bench/)',
    because: 'source never leans on tests, build output or the bench',
  },
  {
    from: '^services/auth-api/src/(?!server\\.ts$|app\\.ts$)',
    to: String.raw`^services/auth-api/src/(?:server|app)\.ts$`,
    because: 'data flows server -> app -> plugins and features',
  },
  {
    from: '^services/auth-api/src/plugins/',
    to: '^services/auth-api/src/features/',
    because: 'plugins are cross-cutting: they never import a feature',
  },
  {
    from: '^services/auth-api/src/features/([^/]+)/',
    to: String.raw`^services/auth-api/src/features/(?!$1/)[^/]+/(?:.*/)?(?:queries|routes|index)\.ts$`,
    because: "a feature may call another's use case, never its queries, routes or plugin",
  },
  {
    from: '^services/worker/src/jobs/([^/]+)/',
    to: String.raw`^services/worker/src/jobs/(?!$1/)[^/]+/(?:.*/)?(?:queries|index)\.ts$`,
    because: "a job may call another's use case, never its queries",
  },
  {
    from: String.raw`^services/auth-api/src/(?!server\.ts$|app(?:-types)?\.ts$|request-origin\.ts$|plugins/|features/[^/]+/(?:[^/]+/)?(?:index|routes)\.ts$)`,
    to: '^npm:(?:fastify|fastify-plugin|@fastify/.*)$',
    because: 'use cases know no Fastify type: plain input, deps, plain result or AppError',
  },
  {
    from: String.raw`^services/auth-api/src/features/[^/]+/(?!(?:[^/]+/)?(?:index|routes)\.ts$)`,
    to: String.raw`^services/auth-api/src/(?:app-types\.ts$|plugins/)`,
    because: 'use cases know no Fastify type, and plugins are made of them',
  },
  {
    from: String.raw`^services/worker/src/(?!http\.ts$)`,
    to: '^npm:(?:fastify|fastify-plugin|@fastify/.*)$',
    because: 'the worker speaks HTTP in one place',
  },
  {
    from: String.raw`^services/[^/]+/src/(?!deps\.ts$)`,
    to: String.raw`^packages/platform/src/(?:database|redis)/client\.ts$`,
    names: ['connectDatabase', 'connectRedis'],
    because: 'only deps.ts constructs clients',
  },
  {
    from: String.raw`/queries\.ts$`,
    to: '^npm:(?:fastify$|fastify-plugin$|@fastify/)',
    because: 'queries take no decisions and know no HTTP',
  },
  {
    from: '^(?:packages/platform/src/(?!database/)|services/[^/]+/src/)',
    to: '^npm:postgres$',
    because:
      'only platform/database speaks to the driver; take `Sql` from @latchkey/platform/database/client',
  },
  {
    // Two exceptions: hashing forks a module of its own, to have a lower priority than answering; backups are pg_dump's, run without a shell.
    from: String.raw`^(?:packages/platform|services/[^/]+)/src/(?!features/passwords/hashing-process\.ts$|backups/run-program\.ts$)`,
    to: '^node:(?:child_process|cluster|vm|repl|inspector|wasi)$',
    because: 'a service runs no command and no code from data (ASVS 1.2.5, 1.3.2)',
  },
  {
    from: '^(?:packages/platform/src/(?!redis/|queue/)|services/[^/]+/src/)',
    to: '^npm:ioredis$',
    because: 'only platform/redis and platform/queue speak to the driver',
  },
]
