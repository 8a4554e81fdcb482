import { readFile } from 'node:fs/promises'
import { readAnchor } from '@latchkey/platform/audit-chain/anchor-line'
import type { Anchor } from '@latchkey/platform/audit-chain/anchor'
import { verifyLog } from '@latchkey/platform/audit-chain/verify-log'
import { readArguments } from './arguments.js'
import { renderProgress, renderVerification, usesColour } from './audit-log-output.js'
import { createProgressLine } from './progress-line.js'
import { runCommand } from './run-command.js'

const command = 'audit:verify'
const { values, isJson, refuse } = readArguments(command, '[--anchors FILE] [--max-delay-days 7] [--json]', [
  'anchors',
  'max-delay-days',
])
const maxDelayDays = readDays(values['max-delay-days'] ?? '7')

await runCommand(command, async ({ sql, keyring }, signal) => {
  const anchors = values.anchors === null ? [] : await readAnchors(values.anchors)
  const progress = createProgressLine(process.stderr)
  const startedAt = performance.now()
  const seconds = () => (performance.now() - startedAt) / 1000
  try {
    const verification = await verifyLog(
      { sql, keyring },
      {
        anchors,
        maxDelayDays,
        signal,
        onProgress: (state) => progress.show(renderProgress({ ...state, seconds: seconds() })),
      },
    )
    if (verification.findingCount > 0) process.exitCode = 1
    progress.end()
    return renderVerification(verification, {
      seconds: seconds(),
      isJson,
      isColoured: usesColour(process.stdout, process.env),
    })
  } finally {
    progress.end()
  }
})

function readDays(text: string): number {
  return /^[1-9]\d{0,3}$/.test(text)
    ? Number(text)
    : refuse('--max-delay-days must be a whole number of days')
}

/** What the worker added to AUDIT_ANCHOR_FILE, or lines of its log. */
async function readAnchors(path: string): Promise<Anchor[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) =>
    refuse(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`),
  )
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const anchors = lines.map((line) => readAnchor(line))
  const bad = anchors.indexOf(null)
  if (bad !== -1) throw new Error(`line ${bad + 1} of ${path} is no anchor`)
  return anchors.filter((anchor) => anchor !== null)
}
