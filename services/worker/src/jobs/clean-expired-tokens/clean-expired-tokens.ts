import type { Deps } from '../../deps.js'
import { deleteEnded, type EndingKind } from './queries.js'
import { walkSessions } from './walk-sessions.js'

/**
 * What cleanup deletes, as the label `kind` of token_cleanup_deleted_total:
 * session_expired (idle or absolute expiry passed), session_revoked (ended by someone, long enough ago), one_time_token,
 * sign_in_challenge (a second factor that was not given or set up), passkey_challenge (that no passkey has answered),
 * federation_step (of a sign-in elsewhere that nobody came back from), remembered_device (of which the second factor is asked again),
 * guess_counter (failed attempts that are forgotten).
 */
export type CleanedRows = Record<CleanedKind, number>
type CleanedKind = 'session_expired' | 'session_revoked' | EndingKind

export const nothingCleaned: Readonly<CleanedRows> = {
  session_expired: 0,
  session_revoked: 0,
  one_time_token: 0,
  sign_in_challenge: 0,
  passkey_challenge: 0,
  federation_step: 0,
  remembered_device: 0,
  guess_counter: 0,
}

const ending = [
  'one_time_token',
  'sign_in_challenge',
  'passkey_challenge',
  'federation_step',
  'remembered_device',
  'guess_counter',
] as const

export interface CleanupOptions {
  signal: AbortSignal
  /** Called after each batch; `share` of the sessions table, 0 to 1, has been looked at. */
  onProgress?: (progress: { share: number; deleted: number }) => void
}

type CleanupDeps = Pick<Deps, 'config' | 'log' | 'metrics' | 'sql'>

/** RFC 7519 clocks: an access token is accepted for this long after its `exp`. */
const accessTokenLeewaySeconds = 30

/**
 * Deletes ended sessions, expired tokens and forgotten failures in batches of TOKEN_CLEANUP_BATCH_SIZE. Stops between two
 * batches when it is told to; what is left is found by the next run. Safe beside itself: rows that another run has locked are skipped.
 */
export async function cleanExpiredTokens(
  { config, log, metrics, sql }: CleanupDeps,
  { signal, onProgress }: CleanupOptions,
): Promise<CleanedRows> {
  const startedAt = performance.now()
  const cleaned: CleanedRows = { ...nothingCleaned }
  const count = (kind: CleanedKind, rows: number) => {
    cleaned[kind] += rows
    metrics.tokenCleanupDeletedTotal.inc({ kind }, rows)
  }
  const total = () => Object.values(cleaned).reduce((sum, rows) => sum + rows, 0)
  const cleanInBatches = async (kind: EndingKind, keepSeconds: number) => {
    const limit = config.tokenCleanupBatchSize
    let rows = limit
    while (rows === limit && !signal.aborted) {
      rows = await deleteEnded(sql, kind, { limit, keepSeconds })
      count(kind, rows)
      onProgress?.({ share: 1, deleted: total() })
    }
  }

  try {
    await walkSessions(sql, {
      batchSize: config.tokenCleanupBatchSize,
      // Earlier, a denylist that is rebuilt would miss a session whose access tokens still live.
      keepRevokedSeconds: config.accessTokenTtlSeconds + accessTokenLeewaySeconds,
      signal,
      onBatch: ({ expired, revoked }, { page, pages }) => {
        count('session_expired', expired)
        count('session_revoked', revoked)
        onProgress?.({ share: page / pages, deleted: total() })
      },
    })
    for (const kind of ending)
      await cleanInBatches(kind, kind === 'guess_counter' ? config.lockoutMaxSeconds : 0)
    return cleaned
  } finally {
    const milliseconds = performance.now() - startedAt
    metrics.tokenCleanupDurationSeconds.observe(milliseconds / 1000)
    log.info(
      { ...cleaned, ms: Math.round(milliseconds) },
      'ended sessions, expired one-time tokens and forgotten failures deleted',
    )
  }
}
