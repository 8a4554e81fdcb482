import { Type, type Static } from 'typebox'

const nullable = <Schema extends ReturnType<typeof Type.Number> | ReturnType<typeof Type.String>>(
  schema: Schema,
) => Type.Union([schema, Type.Null()])
const Bytes = Type.Number({ minimum: 0 })

/** What the worker has found out about the database, for operators. Names of tables, indexes and statements; never a value of a row. */
export const DatabaseReport = Type.Object(
  {
    bytes: Bytes,
    xidAge: Type.Number({
      description:
        'Transactions since the oldest that is not frozen; at two billion PostgreSQL stops writing',
    }),
    statisticsSince: nullable(
      Type.String({ description: 'When PostgreSQL began to count scans; null when it never started anew' }),
    ),
    tables: Type.Array(
      Type.Object({
        name: Type.String(),
        partitions: Type.Number({ description: '0 for a table that has none' }),
        bytes: Type.Number({ description: 'With indexes' }),
        indexBytes: Bytes,
        rows: Type.Number({ description: 'An estimate' }),
        deadRows: Type.Number(),
        bloatBytes: nullable(
          Type.Number({ description: 'Space without a row, as an estimate; null before the first ANALYZE' }),
        ),
        vacuumedAt: nullable(Type.String()),
        analyzedAt: nullable(Type.String()),
        xidAge: Type.Number(),
      }),
    ),
    partitions: Type.Array(
      Type.Object({ name: Type.String(), table: Type.String(), bytes: Bytes, rows: Type.Number() }),
    ),
    unusedIndexes: Type.Array(Type.Object({ name: Type.String(), table: Type.String(), bytes: Bytes }), {
      description:
        'Larger than 1 MiB, enforce nothing, and were not scanned since statisticsSince: candidates, not verdicts',
    }),
    missingIndexes: Type.Array(
      Type.Object({ table: Type.String(), scans: Type.Number(), rowsPerScan: Type.Number() }),
      { description: 'Large tables that are read as a whole: somebody asks what no index answers' },
    ),
    slowStatements: Type.Object(
      {
        source: Type.Union([Type.Literal('pg_stat_statements'), Type.Literal('not_installed')]),
        statements: Type.Array(
          Type.Object({
            query: Type.String(),
            calls: Type.Number(),
            meanMs: Type.Number(),
            totalMs: Type.Number(),
          }),
        ),
      },
      { description: 'By the time that they took in all' },
    ),
  },
  { $id: 'DatabaseReport' },
)
export type DatabaseReport = Static<typeof DatabaseReport>
