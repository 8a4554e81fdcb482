import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { createDriver, driverHandler, routeQuery, type DriverOptions, type DriverQuery } from './driver.js'
import { breaksConnection } from './errors.js'
import { PoolError } from './pool-error.js'

/** One connection to PostgreSQL, from its opening to its end. It never reconnects. */
export interface Connection {
  /** By the performance clock. */
  readonly openedAtMs: number
  isUsable(): boolean
  /** Sends now, behind what is under way. `onDone` gets null or the error, after the query itself. */
  send(query: DriverQuery, onDone: (error: unknown) => void): void
  /** Sends a statement without parameters, such as COMMIT, and answers its command tag. */
  command(text: string): Promise<string>
  /** To be called at a steady pace: ends the connection when an answer is due and not a byte of it came for `limit` calls. */
  countSilence(limit: number): void
  close(): Promise<void>
}

export interface ConnectionOptions extends DriverOptions {
  /** For name look-up, TCP, TLS, sign-in and the first statement together. */
  readonly connectTimeoutMs: number
}

// How long PostgreSQL has to hang up after our goodbye.
const goodbyeMs = 1000

/**
 * Connects and makes sure of the role; throws a `PoolError` with the reason as its cause.
 * `onEnd` is called once, when the connection has ended for whatever reason.
 */
export async function openConnection(
  options: ConnectionOptions,
  onEnd: (connection: Connection) => void,
): Promise<Connection> {
  const { host, port, socketPath } = options.address
  let socket: Socket | null = null
  let failure = 'PostgreSQL closed the connection before it was ready'
  let hasEnded = false
  let unanswered = 0
  let silence = 0
  let bytesRead = 0

  const openSocket = () => {
    if (socket !== null) throw new Error(failure)
    socket = socketPath === null ? connect({ host, port }) : connect({ path: socketPath })
    return socket.setNoDelay(true)
  }
  const end = () => {
    if (hasEnded) return
    hasEnded = true
    onEnd(connection)
  }
  const driver = createDriver(options, { openSocket, onClose: end })
  const transmit = driverHandler(driver)

  const send: Connection['send'] = (query, onDone) => {
    if (hasEnded) {
      const error = new PoolError('CONNECTION_LOST', 'the connection to PostgreSQL has ended')
      query.reject(error)
      return onDone(error)
    }
    unanswered += 1
    silence = 0
    const settle = (error: unknown) => {
      unanswered -= 1
      silence = 0
      if (error !== null && breaksConnection(error)) {
        end()
        socket?.destroy()
      }
      onDone(error)
    }
    query.then(() => settle(null), settle)
    transmit(query)
  }

  const connection: Connection = {
    openedAtMs: performance.now(),
    isUsable: () => !hasEnded,
    send,
    async command(text) {
      const { command } = await routeQuery(driver.unsafe(text), (query) => send(query, () => {}))
      return command
    },
    countSilence(limit) {
      if (socket === null || unanswered === 0) return
      silence = socket.bytesRead === bytesRead ? silence + 1 : 0
      bytesRead = socket.bytesRead
      if (silence >= limit) socket.destroy()
    },
    async close() {
      if (hasEnded || unanswered > 0) {
        socket?.destroy()
      } else {
        const timer = setTimeout(() => socket?.destroy(), goodbyeMs)
        await driver.end()
        clearTimeout(timer)
      }
      end()
    },
  }

  const timer = setTimeout(() => {
    failure = `PostgreSQL did not let us in within ${options.connectTimeoutMs} ms`
    socket?.destroy()
  }, options.connectTimeoutMs)
  try {
    const [session] = await routeQuery(driver<{ role: string }[]>`SELECT current_user AS role`, (query) => {
      send(query, () => {})
    })
    // A pooler may have been told to ignore the role that we ask for, and then we would own everything.
    if (options.role !== null && session?.role !== options.role) {
      throw new Error(
        `PostgreSQL gives the rights of ${String(session?.role)} where ${options.role} was asked for`,
      )
    }
    return connection
  } catch (error) {
    await connection.close()
    const reason = error instanceof Error ? error.message : String(error)
    throw new PoolError('CONNECT_FAILED', `cannot connect to PostgreSQL: ${reason}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
