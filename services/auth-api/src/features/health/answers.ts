import { DatabaseReport } from '@latchkey/contracts/database-report'
import { Type } from 'typebox'

export const Alive = Type.Object({ status: Type.Literal('ok') }, { $id: 'Alive' })
export const Ready = Type.Object(
  {
    status: Type.Union([Type.Literal('ready'), Type.Literal('degraded')], {
      description: 'degraded: without Redis',
    }),
  },
  { $id: 'Ready' },
)

const Upness = Type.Union([Type.Literal('up'), Type.Literal('down')])

export const DatabaseHealth = Type.Object(
  {
    status: Upness,
    latencyMs: Type.Optional(Type.Number()),
    version: Type.Optional(Type.String()),
    isReplica: Type.Optional(Type.Boolean()),
  },
  { $id: 'DatabaseHealth' },
)

export const PoolStatistics = Type.Object(
  { max: Type.Integer(), idle: Type.Integer(), active: Type.Integer(), waiting: Type.Integer() },
  { $id: 'PoolStatistics' },
)

/** What anybody may know, and below it what only operators may. */
export const Health = Type.Object(
  {
    status: Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('unavailable')]),
    uptimeSeconds: Type.Optional(Type.Integer()),
    nodeVersion: Type.Optional(Type.String()),
    memoryBytes: Type.Optional(Type.Integer({ description: 'Resident set' })),
    database: Type.Optional(DatabaseHealth),
    pool: Type.Optional(PoolStatistics),
    redis: Type.Optional(Type.Object({ status: Upness })),
    maintenance: Type.Optional(
      Type.Object(
        { measuredAt: Type.String({ format: 'date-time' }), ...DatabaseReport.properties },
        { description: 'What a worker has found out about the database in the last ten minutes' },
      ),
    ),
    signingKey: Type.Optional(
      Type.Object({ kid: Type.String(), algorithm: Type.String(), ageSeconds: Type.Number() }),
    ),
  },
  { $id: 'Health' },
)
