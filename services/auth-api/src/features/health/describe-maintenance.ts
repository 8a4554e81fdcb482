import type { Static } from 'typebox'
import { DatabaseReport } from '@latchkey/contracts/database-report'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import type { Deps } from '../../deps.js'
import type { Health } from './answers.js'
import { findDatabaseReport } from './queries.js'

const reportSchema = compileSchema(DatabaseReport)

/** What a worker has left last. Nothing before the first time, or when it is a worker of a version that says other things. */
export async function describeMaintenance({
  sql,
}: Pick<Deps, 'sql'>): Promise<Pick<Static<typeof Health>, 'maintenance'>> {
  const found = await findDatabaseReport(sql)
  if (found === null || !reportSchema.matches(found.report)) return {}
  return { maintenance: { measuredAt: found.measuredAt.toISOString(), ...found.report } }
}
