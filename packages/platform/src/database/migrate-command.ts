import { styleText } from 'node:util'
import { ConfigError, configErrorExitCode, loadSettings } from '../config/config.js'
import { parseDatabaseUrl } from './database-url.js'
import { toAppError } from './errors.js'
import { migrate, MigrationError, readMigrationStatus, type MigrationProgress } from './migrate.js'

// Of sysexits.h: the command was called wrongly; the same command may go well later.
const usageExitCode = 64
const temporaryFailureExitCode = 75

const usage = 'usage: npm run migrate [-- --status]'

function paint(format: 'green' | 'yellow' | 'red' | 'dim', text: string): string {
  const hasColours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
  return hasColours ? styleText(format, text) : text
}

function showProgress(progress: MigrationProgress): void {
  if (progress.type === 'waiting') {
    console.log(paint('yellow', 'another migration of this database is running; waiting for it'))
  } else {
    const duration = paint('dim', `${Math.round(progress.durationMs)} ms`)
    console.log(`${paint('green', 'applied')} ${progress.name} ${duration}`)
  }
}

async function run(args: readonly string[]): Promise<void> {
  const isStatus = args.length === 1 && args[0] === '--status'
  if (args.length > 0 && !isStatus) return giveUp(usage, usageExitCode)
  const { databaseUrl: url, dbSsl: tlsMode } = loadSettings(process.env, ['databaseUrl', 'dbSsl'])
  const { database, host } = parseDatabaseUrl(url, tlsMode)
  const where = `${database} on ${host}`
  if (isStatus) {
    const migrations = await readMigrationStatus(url, { tlsMode })
    for (const { name, appliedAt } of migrations) {
      console.log(
        `${name} ${appliedAt === null ? paint('yellow', 'pending') : paint('green', appliedAt.toISOString())}`,
      )
    }
    const pending = migrations.filter(({ appliedAt }) => appliedAt === null).length
    console.log(
      pending === 0
        ? `${where} is up to date`
        : `${where} lacks ${pending} of ${migrations.length} migrations`,
    )
  } else {
    const { applied } = await migrate(url, { tlsMode, onProgress: showProgress })
    console.log(applied.length === 0 ? `${where} was up to date` : `${where} is up to date now`)
  }
}

function giveUp(message: string, exitCode: number): void {
  process.stderr.write(`${paint('red', 'migrate:')} ${message}\n`)
  process.exitCode = exitCode
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof ConfigError) giveUp(message, configErrorExitCode)
  else if (error instanceof MigrationError) giveUp(message, 1)
  else giveUp(message, toAppError(error) === null ? 1 : temporaryFailureExitCode)
}
