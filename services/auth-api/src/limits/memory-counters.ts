import type { Hit, LimitName } from './limits.js'

/** Two rows of 32,768 cells of 8 bytes: half a MiB a limit, whatever the number of keys. */
const cellsPerRow = 32_768

interface Sketch {
  readonly counts: Uint32Array
  /** Seconds of the clock; zero for a cell that has never counted. */
  readonly endsAt: Uint32Array
}

export interface MemoryCounters {
  increment(name: LimitName, hash: Buffer, windowMs: number): Hit
  clear(name: LimitName, hash: Buffer): void
}

/**
 * A count-min sketch with a window in every cell. It never counts too little, so a flood of addresses cannot push a counter out
 * as it would from a cache; two keys that meet in both rows share one count, which makes the limit stricter for them.
 */
export function createMemoryCounters(nowMs: () => number = () => performance.now()): MemoryCounters {
  const sketches = new Map<LimitName, Sketch>()

  function sketchOf(name: LimitName): Sketch {
    const known = sketches.get(name)
    if (known !== undefined) return known
    const sketch = { counts: new Uint32Array(2 * cellsPerRow), endsAt: new Uint32Array(2 * cellsPerRow) }
    sketches.set(name, sketch)
    return sketch
  }

  return {
    increment(name, hash, windowMs) {
      const sketch = sketchOf(name)
      const now = Math.floor(nowMs() / 1000)
      const windowSeconds = Math.ceil(windowMs / 1000)
      const [inFirstRow, inSecondRow] = cellsOf(hash)
      const first = countIn(sketch, inFirstRow, now, windowSeconds)
      const second = countIn(sketch, inSecondRow, now, windowSeconds)
      return first.count < second.count ? first : second
    },
    clear(name, hash) {
      const sketch = sketches.get(name)
      if (sketch === undefined) return
      const [first, second] = cellsOf(hash)
      // What both cells have is this key's own; what one has beyond it belongs to others.
      const own = Math.min(sketch.counts[first] ?? 0, sketch.counts[second] ?? 0)
      sketch.counts[first] = (sketch.counts[first] ?? 0) - own
      sketch.counts[second] = (sketch.counts[second] ?? 0) - own
    },
  }
}

function cellsOf(hash: Buffer): readonly [number, number] {
  return [hash.readUInt16BE(0) % cellsPerRow, cellsPerRow + (hash.readUInt16BE(2) % cellsPerRow)]
}

function countIn({ counts, endsAt }: Sketch, cell: number, now: number, windowSeconds: number): Hit {
  let end = endsAt[cell] ?? 0
  if (end <= now) {
    counts[cell] = 0
    // One second more than asked for: `now` was rounded down, and a window may be longer, never shorter.
    end = now + windowSeconds + 1
    endsAt[cell] = end
  }
  const count = (counts[cell] ?? 0) + 1
  counts[cell] = count
  return { count, resetMs: (end - now) * 1000 }
}
