import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { hasWrk } from './load/load.js'
import { readOptions, usage, type Options, type WorkName } from './options.js'
import { renderTable, type Row } from './report.js'
import { startStand, type Stand } from './stand.js'
import { benchAudit } from './works/audit.js'
import { benchCleanup } from './works/cleanup.js'
import { benchEvents } from './works/events.js'
import { benchFlood } from './works/flood.js'
import { benchImport } from './works/import.js'
import { benchIntrospection } from './works/introspection.js'
import { benchLogin } from './works/login.js'
import { benchRead } from './works/read.js'
import { benchRefresh } from './works/refresh.js'

type Work = (stand: Stand, options: Options, progress: (text: string) => void) => Promise<Row[]>

const works: Record<WorkName, Work> = {
  refresh: benchRefresh,
  read: benchRead,
  introspection: benchIntrospection,
  login: benchLogin,
  flood: benchFlood,
  cleanup: benchCleanup,
  import: benchImport,
  events: benchEvents,
  audit: benchAudit,
}

const startedAt = performance.now()

function tell(text: string): void {
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${text}`)
}

function describeMachine({ postgres }: Stand): string {
  const [cpu] = cpus()
  const argon2 = fileURLToPath(
    new URL('../../node_modules/argon2/build/Release/argon2.node', import.meta.url),
  )
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}`,
    `Node ${process.versions.node}`,
    `PostgreSQL ${postgres.version}`,
    `load from ${hasWrk ? 'wrk' : 'a generator in JavaScript'}`,
    `argon2 ${existsSync(argon2) ? 'compiled here' : 'as its package brings it'}`,
  ].join(', ')
}

async function run(options: Options): Promise<void> {
  if (!hasWrk)
    tell(
      'wrk is not installed: a generator in JavaScript shares the processors instead (apt-get install wrk)',
    )
  tell('starting PostgreSQL and Redis')
  const stand = await startStand()
  const interrupt = () => void stand.close().finally(() => process.exit(130))
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const rows: Row[] = []
    for (const name of options.works)
      rows.push(...(await works[name](stand, options, (text) => tell(`${name}: ${text}`))))
    console.log(`\n${renderTable(rows)}\n`)
    console.log(
      `${describeMachine(stand)}. ${options.connections} connections; medians of ${options.runs} runs of ${options.seconds} s.`,
    )
  } finally {
    await stand.close()
  }
}

try {
  if (process.platform !== 'linux')
    throw new Error('the bench reads processor times from /proc: it needs Linux')
  await run(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  process.exitCode = 1
}
