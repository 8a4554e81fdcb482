import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { decideRefresh, type RefreshOutcome } from './decide-refresh.js'
import { fingerprintOf } from './fingerprint.js'
import {
  findSession,
  type LiveSessionRow,
  recoverGeneration,
  revokeReusedSession,
  rotateSession,
} from './queries.js'
import { decodeRefreshToken, type RefreshTokenClaims } from './refresh-token.js'
import { hashRetryKey, noRetryKey } from './retry-keys.js'

export type RefreshDeps = Pick<Deps, 'config' | 'sql' | 'keyring' | 'revocations' | 'limits' | 'metrics'>

export interface RefreshInput {
  refreshToken: string
  idempotencyKey: string | string[] | undefined
  origin: RequestOrigin
}

export type RefreshResult =
  | { outcome: Exclude<RefreshOutcome, 'superseded' | 'reused' | 'dead' | 'forged'>; session: LiveSessionRow }
  | { outcome: 'superseded' | 'reused' | 'dead' | 'forged'; session: null }

// Each turn is lost only to another request that moved the same row; past this many the store is misbehaving.
const maxTurns = 8

/**
 * One refresh, by the table in docs/refresh-rotation.md. A store that fails throws (503 for the client, which keeps its
 * token); nothing but a decided case is ever told as an ended session.
 * @throws AppError validation_failed (the key), rate_limited, unavailable.
 */
export async function rotateRefreshToken(deps: RefreshDeps, input: RefreshInput): Promise<RefreshResult> {
  const result = await answerRefresh(deps, input)
  deps.metrics.authRefreshTotal.inc({ outcome: result.outcome })
  deps.metrics.authAttemptsTotal.inc({
    type: 'refresh',
    status: result.session === null ? 'failure' : 'success',
  })
  return result
}

async function answerRefresh(deps: RefreshDeps, input: RefreshInput): Promise<RefreshResult> {
  const retryKey = hashRetryKey(input.idempotencyKey)
  const token = decodeRefreshToken(deps.keyring, input.refreshToken)
  if (token === null) return { outcome: 'forged', session: null }
  await deps.limits.consume('refreshSession', token.sessionId, input.origin)

  const presented = { ...token, retryKey, fingerprint: fingerprintOf(input.origin) }
  for (let turn = 0; turn < maxTurns; turn += 1) {
    const result = await takeTurn(deps, input.origin, presented)
    if (result !== 'overtaken') return result
  }
  throw new AppError('unavailable', 'The session is busy. Try again with the same token.')
}

type Presented = RefreshTokenClaims & { retryKey: Buffer | null; fingerprint: Buffer }

async function takeTurn(
  deps: RefreshDeps,
  origin: RequestOrigin,
  token: Presented,
): Promise<RefreshResult | 'overtaken'> {
  const { sql, config } = deps
  const rotation = {
    sessionId: token.sessionId,
    generation: token.generation,
    retryKey: token.retryKey ?? noRetryKey,
    rotatedBy: token.fingerprint,
    refreshTtlSeconds: config.refreshTtlSeconds,
  }
  const synchronousCommit = config.refreshDurability === 'async' ? 'off' : 'on'
  const rotated = await rotateSession(sql, { ...rotation, synchronousCommit })
  if (rotated !== null) return { outcome: 'rotated', session: rotated }

  const seen = await findSession(sql, token.sessionId)
  if (seen === null) return { outcome: 'dead', session: null }
  let decision = decideRefresh(seen, token, config)
  if (typeof decision === 'object') {
    const isConfirmed = await deps.revocations.isConfirmed(token.sessionId, seen.generation)
    decision = isConfirmed ? decision.otherwise : decision.unlessConfirmed
  }
  switch (decision) {
    case 'rotated': // it was at another generation when we tried, and a recovery has brought it to this one
      return 'overtaken'
    case 'ahead': {
      const recovered = await recoverGeneration(sql, { ...rotation, lostFrom: seen.generation, origin })
      if (recovered === null) return 'overtaken'
      await deps.revocations.forgetConfirmation(token.sessionId)
      return { outcome: 'ahead', session: recovered }
    }
    case 'reused': {
      const reuse = {
        sessionId: token.sessionId,
        presented: token.generation,
        stored: seen.generation,
        origin,
      }
      if (!(await revokeReusedSession(sql, reuse))) return 'overtaken'
      await deps.revocations.revoke([token.sessionId])
      return { outcome: 'reused', session: null }
    }
    case 'superseded':
    case 'dead':
      return { outcome: decision, session: null }
    default:
      return { outcome: decision, session: seen }
  }
}
