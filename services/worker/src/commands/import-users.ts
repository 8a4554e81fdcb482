import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigError, configErrorExitCode } from '@latchkey/platform/config/config'
import { isInsufficientPrivilege, toAppError } from '@latchkey/platform/database/errors'
import { loadTraits } from '@latchkey/platform/traits/load-traits'
import { TraitsSchemaError } from '@latchkey/platform/traits/traits-schema-error'
import { createOwnerDeps, type OwnerDeps } from '../deps.js'
import { FileRefusal } from '../imports/csv-records.js'
import { readCsvRows } from '../imports/csv-rows.js'
import { importUsers, type ImportCounts } from '../imports/import-users.js'
import { readJsonLines } from '../imports/json-lines.js'
import { openRejectedRows } from '../imports/rejected-rows.js'
import { giveUp } from '../startup.js'
import { createProgressLine } from './progress-line.js'

const command = 'users:import'
const usage = `npm run ${command} -- FILE [--format jsonl|csv] [--dry-run] [--allow-roles]`
// Of sysexits.h: some rows were not taken; called wrongly; the file cannot be read; the same may go well later.
const exitCodes = { rowsRejected: 65, usage: 64, noInput: 66, temporaryFailure: 75 }

type Format = 'jsonl' | 'csv'
const formats: Readonly<Record<string, Format>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
}

interface Arguments {
  readonly file: string
  readonly format: Format
  readonly isDryRun: boolean
  readonly mayHaveRoles: boolean
}

await run(readArguments())

function readArguments(): Arguments {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        format: { type: 'string' },
        'dry-run': { type: 'boolean' },
        'allow-roles': { type: 'boolean' },
      },
    })
    const [file, ...more] = positionals
    if (file === undefined || more.length > 0) throw new Error('one FILE is to be given')
    const format = formats[values.format === undefined ? extname(file).toLowerCase() : `.${values.format}`]
    if (format === undefined) throw new Error('--format must be jsonl or csv')
    return {
      file,
      format,
      isDryRun: values['dry-run'] === true,
      mayHaveRoles: values['allow-roles'] === true,
    }
  } catch (error) {
    return giveUp(command, `${describe(error)}; usage: ${usage}`, exitCodes.usage)
  }
}

async function run(given: Arguments): Promise<void> {
  const startedAt = performance.now()
  const counts: ImportCounts = { line: 0, imported: 0, present: 0, rejected: 0 }
  const rejectedPath = `${given.file}.rejected.jsonl`
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const tellCounts = (): string => {
    const where = counts.rejected > 0 ? ` (see ${rejectedPath})` : ''
    return `${given.isDryRun ? 'would import' : 'imported'} ${counts.imported}, there already ${counts.present}, rejected ${counts.rejected}${where}`
  }

  let deps: OwnerDeps | null = null
  try {
    deps = createOwnerDeps(process.env)
    const isComplete = await importFile(deps, given, { counts, rejectedPath, signal: stopping.signal })
    if (!isComplete) throw new Error('interrupted')
    const seconds = (performance.now() - startedAt) / 1000
    process.stdout.write(
      `${tellCounts()}, in ${seconds.toFixed(1)} s (${Math.round(counts.line / seconds)} lines a second)\n`,
    )
    if (counts.rejected > 0) process.exitCode = exitCodes.rowsRejected
  } catch (error) {
    const hasBegun = counts.line > 0 && !isInsufficientPrivilege(error)
    const place = !hasBegun ? '' : ` at line ${counts.line}: ${tellCounts()}; run it again to go on`
    giveUp(command, `${reasonOf(error)}${place}`, exitCodeOf(error))
  } finally {
    await deps?.sql.end()
  }
}

async function importFile(
  { config, sql }: OwnerDeps,
  { file, format, isDryRun, mayHaveRoles }: Arguments,
  { counts, rejectedPath, signal }: { counts: ImportCounts; rejectedPath: string; signal: AbortSignal },
): Promise<boolean> {
  const traits = await loadTraits(config.traitsSchema)
  const { size } = await stat(file)
  const input = createReadStream(file)
  const rejected = await openRejectedRows(rejectedPath)
  const progress = createProgressLine(process.stderr)
  try {
    return await importUsers(
      { sql, traits },
      format === 'csv' ? readCsvRows(input) : readJsonLines(input),
      counts,
      {
        rules: { traits, mayHaveRoles, hasFirebaseSignerKey: config.firebaseSignerKey !== null },
        fileName: basename(file),
        isDryRun,
        signal,
        reject: (row) => rejected.write(row),
        onProgress: ({ line, imported }) =>
          progress.show(
            `${Math.floor((input.bytesRead / size) * 100)} % read, ${line} lines, ${imported} users imported`,
          ),
      },
    )
  } finally {
    progress.end()
    await rejected.close()
    input.destroy()
  }
}

function reasonOf(error: unknown): string {
  if (isInsufficientPrivilege(error)) return 'DATABASE_URL must be the one of the owner, which migrates'
  return toAppError(error)?.status === 503 ? `PostgreSQL is away: ${describe(error)}` : describe(error)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError || error instanceof TraitsSchemaError) return configErrorExitCode
  if (error instanceof FileRefusal) return exitCodes.rowsRejected
  if (toAppError(error)?.status === 503) return exitCodes.temporaryFailure
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' ? exitCodes.noInput : 1
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  // The one error of several lines, each of which an operator has to mend.
  return error instanceof ConfigError ? text : (text.split('\n', 1)[0] ?? '')
}
