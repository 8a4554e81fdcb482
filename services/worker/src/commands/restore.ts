import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { BackupProblem } from '../backups/backup-problem.js'
import { restore, type Restored } from '../backups/restore.js'
import { ConfigError, configErrorExitCode } from '@latchkey/platform/config/config'
import { toAppError } from '@latchkey/platform/database/errors'
import { createRestoreDeps } from '../deps.js'
import { giveUp } from '../startup.js'
import { createProgressLine } from './progress-line.js'

const command = 'restore'
const usage = `npm run ${command} -- FILE [--erased IDS_FILE] [--end-sessions]`
// Of sysexits.h: called wrongly; the same may go well later.
const exitCodes = { usage: 64, temporaryFailure: 75 }
const idShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

interface Arguments {
  readonly file: string
  readonly erasedFile: string | null
  readonly endsSessions: boolean
}

await run(readArguments())

function readArguments(): Arguments {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { erased: { type: 'string' }, 'end-sessions': { type: 'boolean' } },
    })
    const [file, ...more] = positionals
    if (file === undefined || more.length > 0) throw new Error('one FILE is to be given')
    return { file, erasedFile: values.erased ?? null, endsSessions: values['end-sessions'] === true }
  } catch (error) {
    return giveUp(command, `${describe(error)}; usage: ${usage}`, exitCodes.usage)
  }
}

async function run({ file, erasedFile, endsSessions }: Arguments): Promise<void> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const progress = createProgressLine(process.stderr)
  let deps: ReturnType<typeof createRestoreDeps> | null = null
  try {
    deps = createRestoreDeps(process.env)
    const restored = await restore(deps, file, {
      erasedIds: erasedFile === null ? [] : await readIds(erasedFile),
      endsSessions,
      signal: stopping.signal,
      onProgress: (step, share) => progress.show(`${Math.floor(share * 100)} % ${step}`),
    })
    progress.end()
    process.stdout.write(`${tell(file, restored)}\n`)
  } catch (error) {
    progress.end()
    giveUp(
      command,
      stopping.signal.aborted ? 'interrupted; nothing was restored' : describe(error),
      exitCodeOf(error),
    )
  } finally {
    await deps?.sql.end()
  }
}

/** One a line; so that `grep` of a log is enough to make the file, anything else is refused and not skipped. */
async function readIds(file: string): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim())
  const ids = lines.filter((line) => line !== '')
  const wrong = ids.findIndex((id) => !idShape.test(id))
  if (wrong !== -1) throw new BackupProblem(`${file}: line ${wrong + 1} is not the id of a user`)
  return ids
}

function tell(
  file: string,
  { erasedAgain, endedSessions, pendingMigrations, hasChecksum }: Restored,
): string {
  return [
    `restored ${file}`,
    ...(hasChecksum ? [] : ['it had no checksum beside it']),
    ...(erasedAgain > 0 ? [`${erasedAgain} users erased again`] : []),
    ...(endedSessions > 0 ? [`${endedSessions} sessions ended`] : []),
    pendingMigrations === 0
      ? 'the schema is up to date'
      : `${pendingMigrations} migrations to go: npm run migrate`,
  ].join('; ')
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return configErrorExitCode
  return toAppError(error)?.status === 503 ? exitCodes.temporaryFailure : 1
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  if (error instanceof ConfigError) return text
  const [line = ''] = text.split('\n', 1)
  return toAppError(error)?.status === 503 ? `PostgreSQL is away: ${line}` : line
}
