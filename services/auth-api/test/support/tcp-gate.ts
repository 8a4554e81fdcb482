import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A port that leads to a server while it is open, and nowhere while it is shut. */
export interface TcpGate {
  readonly port: number
  open(): Promise<void>
  /** Breaks what goes through, and refuses what comes. */
  shut(): Promise<void>
}

interface TestScope {
  teardown: (release: () => Promise<void>) => void
}

/** Shut at first. */
export async function createTcpGate(t: TestScope, target: { host: string; port: number }): Promise<TcpGate> {
  const sockets = new Set<Socket>()
  let server: Server | null = null

  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on('error', () => undefined)
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    from.pipe(to)
  }
  const listen = async (port: number): Promise<number> => {
    server = createServer((near) => {
      const far = connect(target.port, target.host)
      forward(near, far)
      forward(far, near)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const shut = async (): Promise<void> => {
    if (server === null) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    server = null
    await closed
  }

  const port = await listen(0)
  await shut()
  t.teardown(shut)
  return {
    port,
    shut,
    open: async () => {
      if (server === null) await listen(port)
    },
  }
}
