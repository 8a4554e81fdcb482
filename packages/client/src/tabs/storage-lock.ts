import { randomText } from '../random.js'

/** Longer than most refreshes, shorter than a person waits for a tab that was closed while it held the lock. */
const leaseMs = 5_000
const pollMs = 50
/** How long two who have found it free at once may take to see who wrote last. */
const settleMs = 15

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/**
 * One tab at a time, by a lease that ends by itself: whoever holds it may be frozen, closed or asleep, and then nobody waits for longer than the lease. Not by
 * Web Locks, which a frozen tab keeps.
 */
export async function lockStorage(
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
  key: string,
  isNeeded: () => boolean,
): Promise<() => void> {
  const owner = randomText()
  const isMine = (): boolean => storage.getItem(key)?.startsWith(`${owner} `) === true
  const givenUpAt = Date.now() + leaseMs
  while (isNeeded() && Math.abs(givenUpAt - Date.now()) <= leaseMs) {
    if (isHeld(storage.getItem(key), Date.now())) {
      await pause(pollMs)
      continue
    }
    storage.setItem(key, `${owner} ${Date.now() + leaseMs}`)
    await pause(settleMs)
    if (isMine()) break
  }
  return () => {
    if (isMine()) storage.removeItem(key)
  }
}

/** A lease that ends later than any can was written before the clock was set back. */
function isHeld(text: string | null, now: number): boolean {
  const until = Number(text?.split(' ')[1] ?? 0)
  return until > now && until <= now + leaseMs
}
