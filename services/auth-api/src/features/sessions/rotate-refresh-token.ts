import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { decideRefresh, type RefreshOutcome } from './decide-refresh.js'
import { deviceChange } from './device-change.js'
import { agentOf, fingerprintOf } from './fingerprint.js'
import type { LiveSessionRow } from './queries.js'
import { decodeRefreshToken, type RefreshTokenClaims } from './refresh-token.js'
import { hashRetryKey, noRetryKey } from './retry-keys.js'
import {
  findSession,
  recoverGeneration,
  type RefreshableRow,
  revokeMovedSession,
  revokeReusedSession,
  rotateSession,
  updateDevice,
} from './rotation/queries.js'

export type RefreshDeps = Pick<Deps, 'config' | 'sql' | 'keyring' | 'revocations' | 'limits' | 'metrics'>

export interface RefreshInput {
  refreshToken: string
  idempotencyKey: string | string[] | undefined
  origin: RequestOrigin
}

type Refusal = 'superseded' | 'reused' | 'device_changed' | 'dead' | 'forged'
type Grant = Exclude<RefreshOutcome, Refusal>

export type RefreshResult = { outcome: Grant; session: LiveSessionRow } | { outcome: Refusal; session: null }

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

  const fingerprint = fingerprintOf(input.origin)
  const presented = { ...token, retryKey, fingerprint, origin: input.origin }
  for (let turn = 0; turn < maxTurns; turn += 1) {
    const result = await takeTurn(deps, presented, turn)
    if (result !== 'overtaken') return result
  }
  throw new AppError('unavailable', 'The session is busy. Try again with the same token.')
}

type Presented = RefreshTokenClaims & {
  retryKey: Buffer | null
  fingerprint: Buffer
  origin: RequestOrigin
}

async function takeTurn(
  deps: RefreshDeps,
  token: Presented,
  turn: number,
): Promise<RefreshResult | 'overtaken'> {
  const { sql, config, limits } = deps
  const { sessionId, origin } = token
  const mustStay = config.deviceChange === 'sign_out'
  const rotation = {
    sessionId,
    generation: token.generation,
    retryKey: token.retryKey ?? noRetryKey,
    rotatedBy: token.fingerprint,
    lifetimes: config,
    limit: limits.settings.refreshSession,
  }
  const rotated = await rotateSession(sql, {
    ...rotation,
    onlyAgent: mustStay ? agentOf(token.fingerprint) : null,
    synchronousCommit: config.refreshDurability === 'async' ? 'off' : 'on',
  })
  if (rotated !== null) return grant(deps, 'rotated', rotated, token)

  // Rotations are counted by the row itself; whatever else a token is presented for, here.
  if (turn === 0) await limits.consume('refreshSession', sessionId, origin)
  const seen = await findSession(sql, rotation)
  if (seen === null) return { outcome: 'dead', session: null }
  let decision = decideRefresh(seen, token, config)
  if (mustStay && decision !== 'dead' && decision !== 'reused') {
    // Whatever else it would have come to, a race and a retry included: another agent is handed nothing.
    const change = deviceChange(seen.deviceFingerprint, token.fingerprint)
    if (change?.changed.includes('agent') === true) {
      if (!(await revokeMovedSession(sql, { sessionId, change, origin }))) return 'overtaken'
      return refuse(deps, 'device_changed', sessionId)
    }
  }
  if (typeof decision === 'object') {
    const isConfirmed = await deps.revocations.isConfirmed(sessionId, seen.generation)
    decision = isConfirmed ? decision.otherwise : decision.unlessConfirmed
  }
  switch (decision) {
    case 'rotated':
      if (seen.limitedForMs !== null)
        return limits.refuse('refreshSession', sessionId, seen.limitedForMs, origin)
      return 'overtaken' // it was at another generation when we tried, and a recovery has brought it to this one
    case 'ahead': {
      const recovered = await recoverGeneration(sql, { ...rotation, lostFrom: seen.generation, origin })
      if (recovered === null) return 'overtaken'
      await deps.revocations.forgetConfirmation(sessionId)
      return grant(deps, 'ahead', recovered, token)
    }
    case 'reused': {
      const reuse = { sessionId, presented: token.generation, stored: seen.generation, origin }
      if (!(await revokeReusedSession(sql, reuse))) return 'overtaken'
      return refuse(deps, 'reused', sessionId)
    }
    case 'superseded':
    case 'dead':
      return { outcome: decision, session: null }
    default:
      return grant(deps, decision, seen, token)
  }
}

/** Whoever is handed tokens on another device than the session was on is told of, once for each change. */
async function grant(
  { sql }: RefreshDeps,
  outcome: Grant,
  session: RefreshableRow,
  { sessionId, fingerprint, origin }: Presented,
): Promise<RefreshResult> {
  const change = deviceChange(session.deviceFingerprint, fingerprint)
  if (change !== null) await updateDevice(sql, { sessionId, change, origin })
  return { outcome, session }
}

/** For a session that was just ended: everywhere, before it is answered. */
async function refuse(
  { revocations }: RefreshDeps,
  outcome: 'reused' | 'device_changed',
  sessionId: string,
): Promise<RefreshResult> {
  await revocations.revoke([sessionId])
  return { outcome, session: null }
}
