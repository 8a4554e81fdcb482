import type { Api } from '../http/api.js'
import { readSessionAnswer } from '../http/read-session-answer.js'
import type { Answer } from '../http/send.js'
import type { KeeperOptions, RefreshOutcome } from '../keeper.js'
import { randomFraction } from '../random.js'
import { backoffMs } from './backoff.js'
import type { Failure } from './protocol.js'

const revokeAttempts = 3

export function refreshOver(api: Api): KeeperOptions['refresh'] {
  return async ({ refreshToken, idempotencyKey }) => {
    try {
      const answer = await api.send({
        method: 'POST',
        path: '/auth/refresh',
        headers: { 'idempotency-key': idempotencyKey },
        ...(refreshToken !== null && { body: { refreshToken } }),
      })
      return outcomeOf(answer)
    } catch {
      return { failure: 'unavailable', retryAfterMs: null }
    }
  }
}

function outcomeOf(answer: Answer): RefreshOutcome {
  const session = answer.ok ? readSessionAnswer(answer.body) : null
  if (session !== null) return { answer: session }
  return { failure: failureOf(answer), retryAfterMs: answer.retryAfterMs }
}

/** Signs out on a 401 of Latchkey's alone: a proxy, a gateway and the page of a hotel answer 401, too. */
function failureOf({ status, problem }: Answer): Failure {
  if (status === 401 && problem?.code === 'refresh_token_invalid') return 'ended'
  if (status === 401 && problem?.code === 'refresh_token_reused') return 'reused'
  if (status === 409 && problem?.code === 'refresh_superseded') return 'superseded'
  return 'unavailable'
}

/** A token of any generation ends its session. Nobody holds the token any more, so it is tried a few times and then left to expire. */
export function revokeOver(api: Api): KeeperOptions['revoke'] {
  return async (refreshToken) => {
    for (let failures = 1; ; failures += 1) {
      const answer = await api
        .send({
          method: 'POST',
          path: '/auth/logout',
          ...(refreshToken !== null && { body: { refreshToken } }),
        })
        .catch(() => null)
      if (answer?.ok === true || answer?.problem?.status === 401) return true
      if (failures === revokeAttempts) return false
      await new Promise((resolve) => {
        setTimeout(resolve, backoffMs(failures, randomFraction(), null))
      })
    }
  }
}
