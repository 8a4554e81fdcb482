import { createHash } from 'node:crypto'
import type { Config } from '@latchkey/platform/config/config'
import type { Logger } from '@latchkey/platform/logging/logger'

export interface BreachedPasswords {
  /** False also when nobody is asked, or nobody answers in time: the bundled list stays in force. Never throws. */
  include(password: string): Promise<boolean>
}

/** For the whole answer. Somebody is waiting to register. */
const timeoutMs = 1000
/** After a failure nobody is asked for this long, so that an outage delays one person and not everyone. */
const pauseMs = 30_000
/** A padded answer has about 1000 lines of 40 bytes. */
const maxAnswerBytes = 256 * 1024
const prefixLength = 5

/**
 * Asks a range API by the first five digits of the password's SHA-1 and compares the rest here (k-anonymity): whoever answers cannot
 * tell which of about a million passwords is meant. The address is the operator's own and may be in a private network; nothing of the
 * answer reaches anybody else.
 */
export function createBreachedPasswords(
  { passwordBreachCheckUrl: url }: Pick<Config, 'passwordBreachCheckUrl'>,
  log: Logger,
  nowMs: () => number = () => performance.now(),
): BreachedPasswords {
  let pausedUntilMs = -Infinity

  return {
    async include(password) {
      if (url === null || nowMs() < pausedUntilMs) return false
      const digest = createHash('sha1').update(password.normalize('NFKC')).digest('hex').toUpperCase()
      try {
        const answer = await readRange(url + digest.slice(0, prefixLength))
        return hasBeenSeen(answer, digest.slice(prefixLength))
      } catch (error) {
        const isNews = nowMs() >= pausedUntilMs
        pausedUntilMs = nowMs() + pauseMs
        const reason = error instanceof Error ? error.message : String(error)
        if (isNews)
          log.warn(
            { reason, pauseMs },
            'breached passwords cannot be looked up; the bundled list alone decides',
          )
        return false
      }
    },
  }
}

async function readRange(url: string): Promise<string> {
  const response = await fetch(url, {
    headers: { 'add-padding': 'true', 'user-agent': 'latchkey' },
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`)
  const body: AsyncIterable<Uint8Array> = response.body
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (length > maxAnswerBytes) throw new Error(`more than ${maxAnswerBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('latin1')
}

/** Lines of `SUFFIX:COUNT`. Padding, which hides how long the list is from who counts bytes, has a count of 0. */
function hasBeenSeen(answer: string, suffix: string): boolean {
  const [, count = '0'] = new RegExp(`^${suffix}:(\\d+)`, 'im').exec(answer) ?? []
  return Number(count) > 0
}
