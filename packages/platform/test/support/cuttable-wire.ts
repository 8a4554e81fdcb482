import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

/** The way to a server on 127.0.0.1, for one client alone to lose. */
export interface CuttableWire {
  readonly port: number
  /** As when packets are dropped: connections stay, new ones are accepted, and nothing passes any more. */
  freeze(): void
  /** As when the server is gone: connections break, and new ones are broken at once. */
  cut(): void
  mend(): void
}

export async function layWire(t: Test, targetPort: number): Promise<CuttableWire> {
  const sockets = new Set<Socket>()
  let state: 'whole' | 'frozen' | 'cut' = 'whole'

  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy()
      return
    }
    const far = connect(targetPort, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => void to.write(bytes))
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      if (state === 'frozen') from.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })

  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      state = 'frozen'
      for (const socket of sockets) socket.pause()
    },
    cut() {
      state = 'cut'
      for (const socket of sockets) socket.destroy()
    },
    mend() {
      state = 'whole'
      for (const socket of sockets) socket.resume()
    },
  }
}

/** The URL of the server, by way of the wire. */
export function viaWire(url: string, { port }: CuttableWire): string {
  const detour = new URL(url)
  detour.port = String(port)
  return detour.href
}
