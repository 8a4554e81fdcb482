import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Load, LoadResult } from './load.js'

const script = fileURLToPath(new URL('../../wrk/load.lua', import.meta.url))

interface WrkSummary {
  requests: number
  durationUs: number
  p50Us: number
  p99Us: number
  failed: number
}

export async function runWrk(load: Load): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  try {
    const file = join(folder, 'values')
    await writeFile(file, load.values.join('\n'), { mode: 0o600 })
    const args = [
      '--threads=1',
      `--connections=${load.connections}`,
      `--duration=${load.seconds}s`,
      '--timeout=20s',
    ]
    const { stdout } = await promisify(execFile)('wrk', [
      ...args,
      `--script=${script}`,
      load.url,
      '--',
      load.kind,
      file,
      load.password ?? load.authorization ?? '',
    ])
    const [, json] = /^RESULT (.*)$/m.exec(stdout) ?? []
    if (json === undefined) throw new Error(`wrk told no result: ${stdout}`)
    const summary = JSON.parse(json) as WrkSummary
    return {
      requests: summary.requests,
      seconds: summary.durationUs / 1e6,
      p50Ms: summary.p50Us / 1000,
      p99Ms: summary.p99Us / 1000,
      failed: summary.failed,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
