import { migrate } from '@latchkey/platform/database/migrate'
import { StartError } from '../start-error.js'

/** Brings the schema up to date, and tells how many migrations that took. Throws `StartError`. */
export async function prepareDatabase(url: string): Promise<number> {
  try {
    const { applied } = await migrate(url)
    return applied.length
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(`The database cannot be prepared: ${reason}`, { cause: error })
  }
}
