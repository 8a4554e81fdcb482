import { LatchkeyError } from './errors.js'
import { randomFraction } from './random.js'
import { step } from './refresh/machine.js'
import {
  signedOut,
  type Attempt,
  type Change,
  type Failure,
  type Reason,
  type RefreshCall,
  type RefreshEvent,
} from './refresh/protocol.js'
import type { SessionAnswer, SessionRecord } from './refresh/record.js'
import { parseRecord } from './refresh/parse-record.js'
import type { SessionStore } from './stores/session-store.js'

export interface Told {
  change: Change
  reason: Reason
}

export type RefreshOutcome = { answer: SessionAnswer } | { failure: Failure; retryAfterMs: number | null }
export type RefreshRequest = Attempt & { refreshToken: string | null; idempotencyKey: string }

export interface KeeperOptions {
  store: SessionStore
  /** Never throws. */
  refresh: (request: RefreshRequest) => Promise<RefreshOutcome>
  /** Whether the server has ended the session. Never throws. */
  revoke: (refreshToken: string | null) => Promise<boolean>
  tell: (told: Told) => void
}

/** Carries out what the machine says, one event after the other: a call is done before the next event is looked at. */
export interface Keeper {
  readonly record: SessionRecord | null
  /** After the store was read for the first time. */
  readonly ready: Promise<void>
  /** The record whose access token may be sent now. Throws a LatchkeyError where there is none. */
  need(): Promise<SessionRecord>
  /** The same, after a 401 to the token of `before`; null where a newer one would not help. */
  needAnother(before: SessionRecord, isOurs: boolean): Promise<SessionRecord | null>
  dispatch(event: RefreshEvent): Promise<void>
  /** Ends the session here, whatever the server says, and there; false where the server could not be told. */
  signOut(): Promise<boolean>
  /** Looks at what other tabs have stored. */
  sync(): Promise<void>
  close(): void
}

interface Waiter {
  resolve: (record: SessionRecord) => void
  reject: (error: LatchkeyError) => void
}

const refusals = {
  signed_out: ['signed_out', 'Nobody is signed in'],
  session_changed: ['session_changed', 'Somebody else has signed in'],
  unavailable: ['network', 'The session cannot be refreshed at the moment'],
  superseded: ['refresh_superseded', 'The session was refreshed elsewhere'],
  rejected: ['token_invalid', 'The access token was refused'],
} as const

export function keepSession({ store, refresh, revoke, tell }: KeeperOptions): Keeper {
  let state = signedOut
  /** The store could not be written, and what is in it is older than what is here. */
  let isStoreBehind = false
  let waiters: Waiter[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  let revocation: Promise<boolean> = Promise.resolve(true)
  let tail: Promise<void> = Promise.resolve()

  /** One task after the other; a task never throws. */
  function enqueue(task: () => Promise<void>): Promise<void> {
    tail = tail.then(task)
    return tail
  }

  async function take(event: RefreshEvent): Promise<void> {
    const { state: next, calls } = step(state, event)
    state = next
    for (const call of calls) await perform(call)
  }

  async function perform(call: RefreshCall): Promise<void> {
    switch (call.call) {
      case 'save':
        return write(JSON.stringify(call.record))
      case 'clear':
        return write(null)
      case 'refresh':
        void runRefresh(call)
        return undefined
      case 'wake':
        clearTimeout(timer)
        timer = setTimeout(() => void dispatch({ event: 'woken', now: Date.now() }), call.at - Date.now())
        return undefined
      case 'grant':
        return grant()
      case 'refuse': {
        const [code, message] = refusals[call.reason]
        const retryAfterMs = call.retryAt === undefined ? null : Math.max(0, call.retryAt - Date.now())
        for (const { reject } of takeWaiters()) reject(new LatchkeyError(code, message, { retryAfterMs }))
        return undefined
      }
      case 'revoke':
        revocation = revoke(call.refreshToken)
        return undefined
      default:
        return tell(call)
    }
  }

  function takeWaiters(): Waiter[] {
    const taken = waiters
    waiters = []
    return taken
  }

  function grant(): void {
    const { record } = state
    if (record !== null) for (const { resolve } of takeWaiters()) resolve(record)
  }

  async function write(text: string | null): Promise<void> {
    try {
      await store.write(text)
      isStoreBehind = false
    } catch {
      isStoreBehind = true // full, or forbidden: the session goes on without it
    }
  }

  async function look(toEvent: (record: SessionRecord | null) => RefreshEvent): Promise<void> {
    if (isStoreBehind) return
    let text: string | null
    try {
      text = await store.read()
    } catch {
      return // locked, perhaps: what was known goes on
    }
    const record = parseRecord(text)
    if (text === null || record !== null) await take(toEvent(record))
  }

  const sync = (): Promise<void> =>
    enqueue(() => look((record) => ({ event: 'seen', record, now: Date.now() })))

  const dispatch = (event: RefreshEvent): Promise<void> => enqueue(() => take(event))

  async function runRefresh({ sessionId, rotation, ...request }: RefreshRequest): Promise<void> {
    const attempt = { sessionId, rotation }
    const isCurrent = (): boolean =>
      state.isSending && state.record?.sessionId === sessionId && state.record.rotation === rotation
    const release = await lock(isCurrent)
    try {
      await sync()
      if (!isCurrent()) return
      const outcome = await refresh({ ...attempt, ...request })
      await sync()
      const now = Date.now()
      await dispatch(
        'answer' in outcome
          ? { event: 'answered', ...attempt, answer: outcome.answer, now }
          : { event: 'failed', ...attempt, ...outcome, random: randomFraction(), now },
      )
    } finally {
      release()
    }
  }

  async function lock(isNeeded: () => boolean): Promise<() => void> {
    try {
      return (await store.lock?.(isNeeded)) ?? (() => undefined)
    } catch {
      return () => undefined // two refreshes of one token are answered alike
    }
  }

  function wait(toEvent: () => RefreshEvent): Promise<SessionRecord> {
    return new Promise((resolve, reject) => {
      void enqueue(() => {
        waiters.push({ resolve, reject })
        return take(toEvent())
      })
    })
  }

  const stopWatching = store.watch?.(() => void sync())
  const ready = enqueue(() => look((record) => ({ event: 'restored', record })))

  return {
    get record() {
      return state.record
    },
    ready,
    need: () => wait(() => ({ event: 'needed', now: Date.now() })),
    async needAnother({ sessionId, rotation }, isOurs) {
      try {
        return await wait(() => ({ event: 'rejected', sessionId, rotation, isOurs, now: Date.now() }))
      } catch (error) {
        if (error instanceof LatchkeyError && error.code === 'token_invalid') return null
        throw error
      }
    },
    dispatch,
    async signOut() {
      revocation = Promise.resolve(true)
      await dispatch({ event: 'sign_out' })
      return revocation
    },
    sync,
    close: () => stopWatching?.(),
  }
}
