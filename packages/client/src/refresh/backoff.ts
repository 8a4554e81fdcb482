const firstMs = 500
const longestMs = 30_000
/** No server asks for more than this; a clock that was set back may seem to. */
export const longestWaitMs = 3_600_000

/**
 * How long to wait after `failures` in a row: doubled each time, and between half and all of it by `random` (0 to 1), so that all who lost the
 * same server do not come back at once. What the server asks for is the least.
 */
export function backoffMs(failures: number, random: number, retryAfterMs: number | null): number {
  const full = Math.min(longestMs, firstMs * 2 ** (failures - 1))
  const own = Math.round(full * (0.5 + random / 2))
  return Math.min(longestWaitMs, Math.max(own, retryAfterMs ?? 0))
}
