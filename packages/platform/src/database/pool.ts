import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { openConnection, type Connection, type ConnectionOptions } from './connection.js'
import { PoolError } from './pool-error.js'

export interface PoolOptions extends ConnectionOptions {
  readonly max: number
  /** After this an unused connection is closed. */
  readonly idleTimeoutMs: number
}

/** `active` is in use by a statement or transaction, `waiting` are those who want a connection. */
export interface PoolStatistics {
  readonly max: number
  readonly idle: number
  readonly active: number
  readonly waiting: number
}

interface Waiter {
  readonly sinceMs: number
  readonly grant: (connection: Connection) => void
  readonly refuse: (error: Error) => void
}

export interface Pool {
  /** Hands over a connection for the caller's use alone, until it is released. */
  acquire(grant: (connection: Connection) => void, refuse: (error: Error) => void): void
  release(connection: Connection): void
  statistics(): PoolStatistics
  /** Takes no more work, lets what is under way finish for at most `deadlineMs`, and closes everything. */
  close(deadlineMs: number): Promise<void>
}

const tickMs = 100

// PostgreSQL cancels an overlong statement by itself: silence beyond that means that it, or the way to it, is gone.
const answerMarginMs = 1000

// So that a failover behind one name, or memory that a backend keeps, does not last as long as the process.
const maxAgeMs = 30 * 60_000

// Each waiter is a request that somebody holds open: beyond this, a refusal at once is kinder than one after a wait.
const maxWaitingPerConnection = 100

/**
 * Connections to one database, each used by one statement or transaction at a time. Whoever waits is refused after the connect
 * timeout, or at once when there is no server; nothing is ever sent for those who were refused.
 */
export function createPool(options: PoolOptions): Pool {
  const { max, connectTimeoutMs, idleTimeoutMs, statementTimeoutMs } = options
  const silenceLimit = statementTimeoutMs === 0 ? Infinity : (statementTimeoutMs + answerMarginMs) / tickMs
  const connections = new Set<Connection>()
  /** The longest unused first; the last one is taken, so that what is not needed grows old and goes. */
  const idle: { connection: Connection; sinceMs: number }[] = []
  const waiters: Waiter[] = []
  let opening = 0
  let hasFailed = false
  let isClosed = false
  let timer: NodeJS.Timeout | null = null

  /** After a failure one attempt at a time is enough to find out when the server is back. */
  function openForWaiters(): void {
    const attempts = Math.min(waiters.length, max - connections.size, hasFailed ? 1 : Infinity)
    while (opening < attempts) {
      opening += 1
      timer ??= setInterval(tick, tickMs).unref()
      const startedMs = performance.now()
      openConnection(options, forget).then(adopt, (error: unknown) => endure(error, startedMs))
    }
  }

  function adopt(connection: Connection): void {
    opening -= 1
    hasFailed = false
    if (connection.isUsable()) connections.add(connection)
    release(connection)
    openForWaiters()
  }

  /** While a connection lives or may yet open, its user's turn will end. Otherwise nobody need wait for the next refusal. */
  function endure(error: unknown, startedMs: number): void {
    opening -= 1
    hasFailed = true
    if (connections.size + opening > 0) return
    // Who came after the attempt had begun may be luckier with the next.
    refuseWaiters(startedMs, () =>
      error instanceof Error ? error : new PoolError('CONNECT_FAILED', String(error)),
    )
    openForWaiters()
  }

  function release(connection: Connection): void {
    if (!connection.isUsable()) return
    const nowMs = performance.now()
    if (isClosed || nowMs - connection.openedAtMs > maxAgeMs) return void connection.close()
    const waiter = waiters.shift()
    if (waiter === undefined) idle.push({ connection, sinceMs: nowMs })
    else waiter.grant(connection)
  }

  function forget(connection: Connection): void {
    connections.delete(connection)
    const position = idle.findIndex((entry) => entry.connection === connection)
    if (position !== -1) idle.splice(position, 1)
    openForWaiters()
  }

  function refuseWaiters(untilMs: number, toError: () => Error): void {
    while (waiters[0] !== undefined && waiters[0].sinceMs <= untilMs) waiters.shift()?.refuse(toError())
  }

  function tick(): void {
    const nowMs = performance.now()
    for (const connection of connections) connection.countSilence(silenceLimit)
    refuseWaiters(
      nowMs - connectTimeoutMs,
      () => new PoolError('POOL_TIMEOUT', 'no connection to PostgreSQL became free in time'),
    )
    while (idle[0] !== undefined && nowMs - idle[0].sinceMs >= idleTimeoutMs)
      void idle.shift()?.connection.close()
    openForWaiters()
    if (timer !== null && connections.size + opening + waiters.length === 0) {
      clearInterval(timer)
      timer = null
    }
  }

  return {
    acquire(grant, refuse) {
      if (isClosed) return refuse(closedError())
      const free = idle.pop()
      if (free !== undefined) return grant(free.connection)
      if (waiters.length >= max * maxWaitingPerConnection) {
        return refuse(new PoolError('POOL_FULL', 'too many requests wait for a connection to PostgreSQL'))
      }
      waiters.push({ sinceMs: performance.now(), grant, refuse })
      openForWaiters()
    },
    release,
    statistics: () => ({
      max,
      idle: idle.length,
      active: connections.size - idle.length,
      waiting: waiters.length,
    }),
    async close(deadlineMs) {
      isClosed = true
      refuseWaiters(Infinity, closedError)
      const goodbyes = idle.splice(0).map(({ connection }) => connection.close())
      const deadline = performance.now() + deadlineMs
      while (connections.size + opening > 0 && performance.now() < deadline) await delay(10)
      await Promise.all([...goodbyes, ...Array.from(connections, (connection) => connection.close())])
    },
  }
}

function closedError(): PoolError {
  return new PoolError('POOL_CLOSED', 'the connections to PostgreSQL are closed')
}
