import type { Configuration } from 'openid-client'

/** A provider announces its endpoints for much longer than this; its keys, which are what matters, are asked for on their own. */
const freshMs = 3_600_000
/** While a provider is away, so many of our requests ask it at most: one in this time. */
const pauseMs = 10_000

/**
 * What a provider says of itself, asked for when it is first needed and by one request for all who wait. What is old is used on when
 * it cannot be renewed: a provider whose discovery is away may well go on signing people in.
 */
export function createMetadataCache(
  discover: () => Promise<Configuration>,
  now: () => number = Date.now,
): () => Promise<Configuration> {
  let known: { readonly configuration: Configuration; readonly at: number } | null = null
  let failed: { readonly error: unknown; readonly at: number } | null = null
  let asking: Promise<Configuration> | null = null

  async function ask(): Promise<Configuration> {
    try {
      const configuration = await discover()
      known = { configuration, at: now() }
      failed = null
      return configuration
    } catch (error) {
      failed = { error, at: now() }
      throw error
    } finally {
      asking = null
    }
  }

  return async () => {
    if (known !== null && now() - known.at < freshMs) return known.configuration
    try {
      if (failed !== null && now() - failed.at < pauseMs) throw failed.error
      return await (asking ??= ask())
    } catch (error) {
      if (known !== null) return known.configuration
      throw error
    }
  }
}
