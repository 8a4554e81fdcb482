import type { User } from '@latchkey/contracts/http/answers'
import type { SessionAnswer, SessionRecord } from './record.js'

export interface RefreshState {
  /** Null while nobody is signed in. */
  record: SessionRecord | null
  /** A refresh of `record` is under way. */
  isSending: boolean
  /** Requests wait for its end. */
  isWanted: boolean
  /** The record's access token was refused. */
  isRefused: boolean
  failures: number
  /** No refresh before this time. */
  notBefore: number
  /** The server asked for that wait. */
  isPaced: boolean
}

export const signedOut: RefreshState = {
  record: null,
  isSending: false,
  isWanted: false,
  isRefused: false,
  failures: 0,
  notBefore: 0,
  isPaced: false,
}

/** `ended`: an unmistakable 401. `superseded`: a 409. `unavailable`: everything else, whatever it is. */
export type Failure = 'ended' | 'reused' | 'superseded' | 'unavailable'

/** Which token an answer belongs to. */
export interface Attempt {
  sessionId: string
  rotation: number
}

/** `isOurs`: with a code of Latchkey's about the token. */
export type Rejected = { event: 'rejected'; isOurs: boolean; now: number } & Attempt
export type Answered = { event: 'answered'; answer: SessionAnswer; now: number } & Attempt
export type Failed = {
  event: 'failed'
  failure: Failure
  retryAfterMs: number | null
  random: number
  now: number
} & Attempt

export type RefreshEvent =
  /** What was stored when the program began. */
  | { event: 'restored'; record: SessionRecord | null }
  | { event: 'signed_in'; record: SessionRecord }
  /** What is stored, which another tab may have changed. */
  | { event: 'seen'; record: SessionRecord | null; now: number }
  /** A request needs an access token. */
  | { event: 'needed'; now: number }
  /** A request with the token of that rotation was answered 401. */
  | Rejected
  | Answered
  | Failed
  /** The timer of `wake` is over. */
  | { event: 'woken'; now: number }
  /** The network is back, or the device or the page has woken up. */
  | { event: 'online'; now: number }
  | { event: 'stepped_up'; answer: SessionAnswer; now: number }
  | { event: 'user_changed'; user: User; now: number }
  | { event: 'sign_out' }

export type Refusal = 'signed_out' | 'session_changed' | 'unavailable' | 'superseded' | 'rejected'
export type Change = 'signed_in' | 'signed_out' | 'user_changed' | 'refreshed'

/** `ended` and `reused` are the server's word; `elsewhere` is another tab. */
export type Reason =
  'restored' | 'sign_in' | 'sign_out' | 'ended' | 'reused' | 'elsewhere' | 'refresh' | 'step_up' | 'here'

export type RefreshCall =
  /** To be stored before anything else is done with it. */
  | { call: 'save'; record: SessionRecord }
  | { call: 'clear' }
  | ({ call: 'refresh'; refreshToken: string | null; idempotencyKey: string } & Attempt)
  /** One timer: the last one counts. */
  | { call: 'wake'; at: number }
  /** Waiting requests go, with the access token of the record. */
  | { call: 'grant' }
  | { call: 'refuse'; reason: Refusal; retryAt?: number }
  /** Ends a session whose token nobody holds any more. */
  | { call: 'revoke'; refreshToken: string | null }
  | { call: 'tell'; change: Change; reason: Reason }

export interface Step {
  state: RefreshState
  calls: RefreshCall[]
}
