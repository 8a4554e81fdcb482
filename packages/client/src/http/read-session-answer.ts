import type { SessionAnswer } from '../refresh/record.js'

/** Null for anything that is no session: half an answer, or a page of something in between. */
export function readSessionAnswer(body: unknown): SessionAnswer | null {
  return isSession(body) ? body : null
}

function isSession(body: unknown): body is SessionAnswer {
  return (
    typeof body === 'object' &&
    body !== null &&
    'sessionId' in body &&
    typeof body.sessionId === 'string' &&
    'expiresIn' in body &&
    typeof body.expiresIn === 'number' &&
    'user' in body &&
    typeof body.user === 'object' &&
    body.user !== null &&
    hasBothTokensOrNone(body)
  )
}

function hasBothTokensOrNone(body: object): boolean {
  if (!('accessToken' in body) && !('refreshToken' in body)) return true
  return (
    'accessToken' in body &&
    typeof body.accessToken === 'string' &&
    'refreshToken' in body &&
    typeof body.refreshToken === 'string'
  )
}
