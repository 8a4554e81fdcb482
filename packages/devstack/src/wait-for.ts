import { setTimeout as pause } from 'node:timers/promises'

export interface Wait {
  /** What is waited for, worded to follow "waited in vain for". */
  what: string
  deadlineMs?: number
  everyMs?: number
}

/**
 * Asks again and again until the answer is truthy, and returns that answer. A condition that throws is not yet true; what it threw last
 * is the `cause` of the error at the deadline.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs = 5000, everyMs = 20 }: Wait,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadline = performance.now() + deadlineMs
  let cause: unknown
  for (;;) {
    try {
      const answer = await condition()
      if (isTruthy(answer)) return answer
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline)
      throw new Error(`waited ${deadlineMs} ms in vain for ${what}`, { cause })
    await pause(everyMs)
  }
}

function isTruthy<T>(answer: T): answer is Exclude<T, false | null | undefined | 0 | ''> {
  return Boolean(answer)
}
