import type { Hit, LimitName } from './limits.js'

/** Two rows of 32,768 cells of 8 bytes: half a MiB a limit, whatever the number of keys. */
const rows = 2
const cellsPerRow = 32_768

export interface MemoryCounters {
  increment(name: LimitName, hash: Buffer, windowMs: number): Hit
}

/**
 * A count-min sketch with a window in every cell. It never counts too little, so a flood of addresses cannot push a counter out
 * as it would from a cache; where keys collide in both rows it counts too much, which only makes the limit stricter.
 */
export function createMemoryCounters(now: () => number = () => performance.now()): MemoryCounters {
  const sketches = new Map<LimitName, { counts: Uint32Array; endsAt: Uint32Array }>()

  function sketchOf(name: LimitName) {
    let sketch = sketches.get(name)
    if (sketch === undefined) {
      sketch = { counts: new Uint32Array(rows * cellsPerRow), endsAt: new Uint32Array(rows * cellsPerRow) }
      sketches.set(name, sketch)
    }
    return sketch
  }

  return {
    increment(name, hash, windowMs) {
      const { counts, endsAt } = sketchOf(name)
      const second = Math.floor(now() / 1000) + 1 // from 1, so that a cell that ends at 0 is over
      let least: Hit | null = null
      for (let row = 0; row < rows; row += 1) {
        const cell = row * cellsPerRow + (hash.readUInt16BE(row * 2) % cellsPerRow)
        if ((endsAt[cell] ?? 0) <= second) {
          counts[cell] = 0
          endsAt[cell] = second + Math.ceil(windowMs / 1000)
        }
        const count = (counts[cell] ?? 0) + 1
        counts[cell] = count
        if (least === null || count < least.count)
          least = { count, resetMs: ((endsAt[cell] ?? 0) - second) * 1000 }
      }
      return least ?? { count: Number.POSITIVE_INFINITY, resetMs: windowMs }
    },
  }
}
