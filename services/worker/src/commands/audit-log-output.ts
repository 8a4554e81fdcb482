import type { WriteStream } from 'node:tty'
import type { Verification } from '@latchkey/platform/audit-chain/verify-log'

const [red, green, dim, plain] = ['\u001b[31m', '\u001b[32m', '\u001b[2m', '\u001b[0m']

/** For terminals alone, and not where NO_COLOR is set (no-color.org). */
export function usesColour({ isTTY }: Pick<WriteStream, 'isTTY'>, env: NodeJS.ProcessEnv): boolean {
  return isTTY && !env['NO_COLOR']
}

export function renderProgress({
  events,
  of,
  seconds,
}: {
  events: bigint
  of: bigint
  seconds: number
}): string {
  const rate = Number(events) / Math.max(seconds, 0.001)
  const left = rate > 0 ? Math.ceil(Number(of > events ? of - events : 0n) / rate) : 0
  const share = of > 0n ? Math.min(100, Math.floor((Number(events) / Number(of)) * 100)) : 100
  return `${share} %, ${count(events)} events, ${count(Math.round(rate))} a second, ${left} s left`
}

export function renderVerification(
  verification: Verification,
  { seconds, isJson, isColoured }: { seconds: number; isJson: boolean; isColoured: boolean },
): string {
  if (isJson) {
    return JSON.stringify(
      { ok: verification.findingCount === 0, seconds, ...verification },
      (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
    )
  }
  const paint = (colour: string, text: string) => (isColoured ? `${colour}${text}${plain}` : text)
  const {
    events,
    firstBatch,
    lastBatch,
    findings,
    findingCount,
    pseudonymised,
    droppedBefore,
    anchors,
    signedSeq,
    lastSeq,
  } = verification
  if (firstBatch === null && findingCount === 0) return 'The log is empty.'
  const rate = count(Math.round(Number(events) / Math.max(seconds, 0.001)))
  const facts = [
    `${count(events)} events in batches ${firstBatch ?? 'none'} to ${lastBatch ?? 'none'}, in ${seconds.toFixed(1)} s (${rate} a second)`,
    `${count(pseudonymised)} under a pseudonym`,
    droppedBefore === null
      ? 'nothing dropped'
      : `what happened before ${droppedBefore.toISOString().slice(0, 10)} was dropped`,
    `${count(anchors)} signed heads fit; ${lastSeq === signedSeq ? 'all events are' : `the events after ${signedSeq} are not yet`} signed for`,
    `head ${verification.headHash}`,
  ]
  const verdict =
    findingCount === 0
      ? paint(green, '✓ the log is what was stored')
      : paint(red, `✗ the log was tampered with: ${findingCount} finding${findingCount === 1 ? '' : 's'}`)
  const named = findings.map(({ kind, detail }) => `  ${paint(red, kind)}  ${detail}`)
  return [verdict, ...named, ...facts.map((fact) => `  ${paint(dim, fact)}`)].join('\n')
}

function count(value: bigint | number): string {
  return value.toLocaleString('en-US')
}
