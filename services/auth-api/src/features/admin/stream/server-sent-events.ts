import { Readable } from 'node:stream'

/** One message of a text/event-stream, as the HTML standard has it: 9.2.5. */
export interface ServerSentEvent {
  readonly event: string
  readonly data: object
  /** What a client that comes back says it has seen last (Last-Event-ID). */
  readonly id?: string
}

/** What waits for a client that does not read: some thousand events. Beyond it the stream ends, and the client may come back. */
const mostWaitingBytes = 1024 * 1024

export interface EventStream {
  readonly body: Readable
  /** False when the client is gone or too slow, and the stream over. */
  send(message: ServerSentEvent): boolean
  /** A comment, so that neither end nor a proxy between takes the silence for a broken connection. */
  keepAlive(): boolean
  end(): void
}

export function createEventStream(): EventStream {
  const body = new Readable({ read: () => undefined })
  let isOver = false
  const write = (text: string): boolean => {
    if (isOver || body.destroyed) return false
    body.push(text)
    if (body.readableLength <= mostWaitingBytes) return true
    body.destroy()
    return false
  }
  return {
    body,
    send: ({ event, data, id }) =>
      write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`), // JSON has no raw line break
    keepAlive: () => write(':\n\n'),
    end() {
      if (isOver) return
      isOver = true
      body.push(null)
    },
  }
}
