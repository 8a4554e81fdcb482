import { AppError } from '@latchkey/contracts/errors'

export interface BatcherOptions<Item, Result> {
  /** Items that one run is given at most. */
  readonly maxItems: number
  /** Runs at the same time. With one, a run gathers all that arrived during the one before: group commit. */
  readonly maxInFlight: number
  /** Items that may wait. Beyond that `submit` rejects with `overloaded`, so that a stuck store can't fill the memory. */
  readonly maxWaiting: number
  /** Answers one result an item, in their order. When it throws, every item of the run fails with that error. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
}

export interface Batcher<Item, Result> {
  submit(item: Item): Promise<Result>
  /** Resolves when nothing waits and nothing runs. */
  whenIdle(): Promise<void>
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Gathers items while earlier ones are being worked on and hands them over together. There is no timer: alone an item starts
 * at once, under load the batches grow by themselves. An item never joins a run that has started.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  let waiting: Waiting<Item, Result>[] = []
  let inFlight = 0
  let idleListeners: (() => void)[] = []

  async function runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await options.run(batch.map(({ item }) => item))
      if (results.length !== batch.length)
        throw new Error('A batch answered fewer or more results than items')
      results.forEach((result, index) => batch[index]?.resolve(result))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  async function runUntilNothingWaits(): Promise<void> {
    inFlight++
    while (waiting.length > 0) {
      const batch = waiting.slice(0, options.maxItems)
      waiting = waiting.slice(options.maxItems)
      await runBatch(batch)
    }
    inFlight--
    if (inFlight > 0) return
    for (const listener of idleListeners) listener()
    idleListeners = []
  }

  return {
    submit(item) {
      if (waiting.length >= options.maxWaiting) return Promise.reject(new AppError('overloaded'))
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject })
        if (inFlight < options.maxInFlight) void runUntilNothingWaits()
      })
    },
    whenIdle() {
      return inFlight === 0 ? Promise.resolve() : new Promise((resolve) => void idleListeners.push(resolve))
    },
  }
}
