/**
 * When to refresh, with what, and what its answer means: (state, event) → { state, calls }. No clock, no chance, no I/O; vectors/*.json
 * is its specification for clients in other languages. docs/refresh-rotation.md has the server's half.
 */
import {
  signedOut,
  type Answered,
  type Change,
  type Reason,
  type Failed,
  type Refusal,
  type Rejected,
  type RefreshCall,
  type RefreshEvent,
  type RefreshState,
  type Step,
} from './protocol.js'
import { backoffMs, longestWaitMs } from './backoff.js'
import {
  changedRecord,
  idempotencyKeyOf,
  isFresh,
  isUsable,
  marginOf,
  nextRecord,
  raisedRecord,
  type SessionRecord,
} from './record.js'

/** So many attempts a request waits for, and for no pause longer than this. */
const patientFailures = 3
const patientMs = 10_000

export function step(state: RefreshState, event: RefreshEvent): Step {
  const { record } = state
  switch (event.event) {
    case 'signed_in':
      return signIn(state, event.record)
    case 'restored':
      return restore(event.record)
    case 'seen':
      return see(state, event.record, event.now)
    case 'needed':
      return record === null ? refuse(state, 'signed_out') : provide(state, record, event.now)
    case 'rejected':
      return record === null ? refuse(state, 'signed_out') : reject(state, record, event)
    case 'answered':
      return answer(state, event)
    case 'failed':
      return fail(state, event)
    case 'woken':
      return record !== null && state.isWanted && !state.isSending
        ? provide(state, record, event.now)
        : stay(state)
    case 'online':
      return comeBack(state, event.now)
    case 'stepped_up':
      return record === null || record.sessionId !== event.answer.sessionId
        ? stay(state)
        : change(state, raisedRecord(record, event.answer, event.now), {
            change: 'refreshed',
            reason: 'step_up',
          })
    case 'user_changed':
      return record === null || record.user.id !== event.user.id
        ? stay(state)
        : change(state, changedRecord(record, { user: event.user }, event.now), {
            change: 'user_changed',
            reason: 'here',
          })
    case 'sign_out':
      return signOut(state)
    default:
      return stay(state)
  }
}

const stay = (state: RefreshState): Step => ({ state, calls: [] })

const refuse = (state: RefreshState, reason: Refusal): Step => ({
  state,
  calls: [{ call: 'refuse', reason }],
})

/** What those who wait are told when the session they wait for is no more. */
const dismissed = (state: RefreshState, reason: Refusal): RefreshCall[] =>
  state.isWanted ? [{ call: 'refuse', reason }] : []

function change(state: RefreshState, record: SessionRecord, told: { change: Change; reason: Reason }): Step {
  const isRefused = state.isRefused && record.accessToken === state.record?.accessToken
  return {
    state: { ...state, record, isRefused },
    calls: [
      { call: 'save', record },
      { call: 'tell', ...told },
    ],
  }
}

function restore(record: SessionRecord | null): Step {
  if (record === null) return stay(signedOut)
  return {
    state: { ...signedOut, record },
    calls: [{ call: 'tell', change: 'signed_in', reason: 'restored' }],
  }
}

/** In cookies the session before is ended by the sign-in itself, and what is in them now is the new one. */
function signIn(state: RefreshState, record: SessionRecord): Step {
  const before = state.record
  const isReplaced = before !== null && before.refreshToken !== null && before.sessionId !== record.sessionId
  return {
    state: { ...signedOut, record },
    calls: [
      { call: 'save', record },
      ...dismissed(state, 'session_changed'),
      ...(isReplaced ? [{ call: 'revoke', refreshToken: before.refreshToken } as const] : []),
      { call: 'tell', change: 'signed_in', reason: 'sign_in' },
    ],
  }
}

function signOut(state: RefreshState): Step {
  const { record } = state
  if (record === null) return stay(state)
  return {
    state: signedOut,
    calls: [
      { call: 'clear' },
      ...dismissed(state, 'signed_out'),
      { call: 'revoke', refreshToken: record.refreshToken },
      { call: 'tell', change: 'signed_out', reason: 'sign_out' },
    ],
  }
}

/** Sends what can be sent at once, and refreshes behind it; waits where there is nothing to send. */
function provide(state: RefreshState, record: SessionRecord, now: number): Step {
  const canGo = isUsable(record, now) && !state.isRefused
  const grant: RefreshCall[] = canGo ? [{ call: 'grant' }] : []
  if (canGo && isFresh(record, now)) return { state: { ...state, isWanted: false }, calls: grant }
  const isWanted = !canGo
  if (state.isSending) return { state: { ...state, isWanted: state.isWanted || isWanted }, calls: grant }

  const waitMs = state.notBefore - now
  if (waitMs <= 0 || waitMs > longestWaitMs)
    return {
      state: { ...state, isSending: true, isWanted },
      calls: [
        ...grant,
        {
          call: 'refresh',
          sessionId: record.sessionId,
          rotation: record.rotation,
          refreshToken: record.refreshToken,
          idempotencyKey: idempotencyKeyOf(record),
        },
      ],
    }
  if (canGo) return { state: { ...state, isWanted: false }, calls: grant }
  if (waitMs > patientMs)
    return {
      state: { ...state, isWanted: false },
      calls: [{ call: 'refuse', reason: 'unavailable', retryAt: state.notBefore }],
    }
  return { state: { ...state, isWanted }, calls: [{ call: 'wake', at: state.notBefore }] }
}

/**
 * A 401 of somebody else's may mean anything: it is worth a refresh only where the token is no longer a new one, or each request to a server
 * that refuses everybody would cost one.
 */
function reject(
  state: RefreshState,
  record: SessionRecord,
  { sessionId, rotation, isOurs, now }: Rejected,
): Step {
  if (sessionId !== record.sessionId) return refuse(state, 'session_changed')
  if (rotation < record.rotation) return provide(state, record, now)
  const age = now - record.obtainedAt
  if (!isOurs && !state.isWanted && age >= 0 && age < marginOf(record)) return refuse(state, 'rejected')
  return provide({ ...state, isRefused: true }, record, now)
}

function answer(state: RefreshState, event: Answered): Step {
  const { record } = state
  const refreshToken = event.answer.refreshToken ?? null
  if (record === null) return { state, calls: [{ call: 'revoke', refreshToken }] }
  if (record.sessionId !== event.sessionId)
    return refreshToken === null ? stay(state) : { state, calls: [{ call: 'revoke', refreshToken }] }
  if (record.rotation !== event.rotation) return stay(state)
  return adopt(state, nextRecord(record, event.answer, event.now), { isOwn: true, now: event.now })
}

/** A newer state of the same session. */
function adopt(
  state: RefreshState,
  record: SessionRecord,
  { isOwn, now }: { isOwn: boolean; now: number },
): Step {
  const isSameUser = JSON.stringify(record.user) === JSON.stringify(state.record?.user)
  const told: RefreshCall[] = [
    ...(isOwn ? [{ call: 'save', record } as const] : []),
    {
      call: 'tell',
      change: isSameUser ? 'refreshed' : 'user_changed',
      reason: isOwn ? 'refresh' : 'elsewhere',
    },
  ]
  const next: RefreshState = { ...signedOut, record }
  if (!state.isWanted) return { state: next, calls: told }
  const provided = isOwn ? { state: next, calls: [{ call: 'grant' } as const] } : provide(next, record, now)
  return { state: provided.state, calls: [...told, ...provided.calls] }
}

function fail(state: RefreshState, event: Failed): Step {
  const { record } = state
  if (record === null || record.sessionId !== event.sessionId || record.rotation !== event.rotation)
    return stay(state)
  if (event.failure === 'ended' || event.failure === 'reused')
    return {
      state: signedOut,
      calls: [
        { call: 'clear' },
        ...dismissed(state, 'signed_out'),
        { call: 'tell', change: 'signed_out', reason: event.failure },
      ],
    }
  const failures = state.failures + 1
  const delay = backoffMs(failures, event.random, event.retryAfterMs)
  const notBefore = event.now + delay
  const isPaced = (event.retryAfterMs ?? 0) > 0
  const next = { ...state, isSending: false, failures, notBefore, isPaced }
  if (!state.isWanted) return stay(next)
  if (failures % patientFailures !== 0 && delay <= patientMs)
    return { state: next, calls: [{ call: 'wake', at: notBefore }] }
  const reason = event.failure === 'superseded' ? 'superseded' : 'unavailable'
  return {
    state: { ...next, isWanted: false },
    calls: [{ call: 'refuse', reason, retryAt: notBefore }],
  }
}

function comeBack(state: RefreshState, now: number): Step {
  if (state.record === null || state.isSending || state.isPaced) return stay(state)
  const next = { ...state, failures: 0, notBefore: 0 }
  return state.isWanted ? provide(next, state.record, now) : stay(next)
}

function see(state: RefreshState, seen: SessionRecord | null, now: number): Step {
  const { record } = state
  if (seen === null)
    return record === null
      ? stay(state)
      : {
          state: signedOut,
          calls: [
            ...dismissed(state, 'signed_out'),
            { call: 'tell', change: 'signed_out', reason: 'elsewhere' },
          ],
        }
  if (record === null || record.sessionId !== seen.sessionId)
    return {
      state: { ...signedOut, record: seen },
      calls: [
        ...dismissed(state, 'session_changed'),
        { call: 'tell', change: 'signed_in', reason: 'elsewhere' },
      ],
    }
  if (seen.rotation > record.rotation) return adopt(state, seen, { isOwn: false, now })
  // A tab that was slow has written over what is newer.
  if (seen.rotation < record.rotation) return { state, calls: [{ call: 'save', record }] }
  if (seen.changedAt <= record.changedAt) return stay(state)
  const { calls, ...changed } = change(state, seen, { change: 'user_changed', reason: 'elsewhere' })
  return { ...changed, calls: calls.filter(({ call }) => call !== 'save') }
}
