import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** Waits until `isTrue` says so. Throws after the deadline, which is long because two cores run many tests. */
export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> {
  const start = performance.now()
  while (!(await isTrue())) {
    if (performance.now() - start > deadlineMs) throw new Error(`not true within ${deadlineMs} ms`)
    await delay(10)
  }
}
